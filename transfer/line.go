package transfer

import (
	"encoding/json"
	"strconv"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// version is that of the format. Readers refuse a later one.
const version = 1

// line is one line of a file, of any type. appendEntry writes entries, since data keeps its bytes.
type line struct {
	Type string `json:"type"`

	// of the first line
	Version  int    `json:"version,omitempty"`
	Transfer string `json:"transfer,omitempty"` // a name of this file
	Epoch    string `json:"epoch,omitempty"`
	Entries  int64  `json:"entries,omitempty"` // about so many follow

	// of an API key, a revocation
	Hash    string           `json:"hash,omitempty"`
	Created parley.Timestamp `json:"created,omitzero"`
	Until   parley.Timestamp `json:"until,omitzero"`

	// of a channel
	Channel  parley.ChannelID `json:"channel,omitempty"`
	Exists   bool             `json:"exists,omitempty"`
	First    int64            `json:"first,omitempty"`
	Last     int64            `json:"last,omitempty"`
	Before   int64            `json:"before,omitempty"`
	Settings *parley.Settings `json:"settings,omitempty"`

	// of a place
	Role   parley.Role      `json:"role,omitempty"`
	Read   int64            `json:"read,omitempty"`
	Joined parley.Timestamp `json:"joined,omitzero"`
	Mute   parley.Mute      `json:"mute,omitempty"`

	// of an entry, and some of the others
	ID        int64             `json:"id,omitempty"`
	User      parley.UserID     `json:"user,omitempty"`
	Name      string            `json:"name,omitempty"`
	Text      string            `json:"text,omitempty"`
	Data      json.RawMessage   `json:"data,omitempty"`
	Thread    int64             `json:"thread,omitempty"`
	Key       string            `json:"key,omitempty"`
	Time      parley.Timestamp  `json:"time,omitzero"`
	Count     int64             `json:"count,omitempty"`
	Edited    bool              `json:"edited,omitempty"`
	Deleted   bool              `json:"deleted,omitempty"`
	Reactions []reaction        `json:"reactions,omitempty"`
	Change    parley.ChangeKind `json:"change,omitempty"`
	Of        int64             `json:"of,omitempty"`
	Message   *line             `json:"message,omitempty"` // of a change: the message as it was after it
}

type reaction struct {
	Emoji string          `json:"emoji"`
	Count int64           `json:"count"`
	Users []parley.UserID `json:"users"` // of a message all, of a change's message some
}

// message is the entry that a line describes.
func (l *line) message(channel parley.ChannelID) parley.Message {
	m := parley.Message{ID: l.ID, Channel: channel, User: l.User, Name: l.Name, Text: l.Text, Data: l.Data, Thread: l.Thread, Key: l.Key,
		Time: l.Time, Count: l.Count, Edited: l.Edited, Deleted: l.Deleted, Change: l.Change, Of: l.Of}
	for _, r := range l.Reactions {
		m.Reactions = append(m.Reactions, parley.Reaction(r))
	}
	if l.Message != nil {
		target := l.Message.message(channel)
		m.Target = &target
	}
	return m
}

// appendEntry appends the line of an entry.
func appendEntry(b []byte, m *parley.Message) []byte {
	kind := "message"
	if m.Change != "" {
		kind = "change"
	}
	b = append(b, `{"type":"`+kind+`"`...)
	return append(appendFields(b, m), '}')
}

func appendFields(b []byte, m *parley.Message) []byte {
	number := func(name string, n int64) {
		if n != 0 {
			b = strconv.AppendInt(append(append(append(b, ',', '"'), name...), '"', ':'), n, 10)
		}
	}
	text := func(name, s string) {
		if s != "" {
			b = wire.AppendString(append(append(append(b, ',', '"'), name...), '"', ':'), s)
		}
	}
	flag := func(name string, is bool) {
		if is {
			b = append(append(append(b, ',', '"'), name...), `":true`...)
		}
	}
	number("id", m.ID)
	text("user", string(m.User))
	text("name", m.Name)
	text("text", m.Text)
	if len(m.Data) > 0 {
		b = append(append(b, `,"data":`...), m.Data...)
	}
	number("thread", m.Thread)
	text("key", m.Key)
	if m.Time != 0 {
		b = m.Time.AppendText(append(b, `,"time":`...))
	}
	number("count", m.Count)
	flag("edited", m.Edited)
	flag("deleted", m.Deleted)
	if len(m.Reactions) > 0 {
		b = append(b, `,"reactions":[`...)
		for i := range m.Reactions {
			b = appendReaction(b, &m.Reactions[i])
			b = append(b, ',')
		}
		b[len(b)-1] = ']'
	}
	text("change", string(m.Change))
	number("of", m.Of)
	if m.Target != nil {
		b = append(b, `,"message":{"type":"message"`...)
		b = append(appendFields(b, m.Target), '}')
	}
	return b
}

func appendReaction(b []byte, r *parley.Reaction) []byte {
	b = wire.AppendString(append(b, `{"emoji":`...), r.Emoji)
	b = strconv.AppendInt(append(b, `,"count":`...), r.Count, 10)
	b = append(b, `,"users":[`...)
	for i, user := range r.Users {
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(b, string(user))
	}
	return append(b, `]}`...)
}

// placeLine is the line of a place.
func placeLine(m *parley.Member) line {
	return line{Type: "place", User: m.User, Role: m.Role, Read: m.ReadID, Count: m.ReadCount, Joined: m.Joined, Mute: m.Mute}
}

// member is the place that a line describes.
func (l *line) member() parley.Member {
	return parley.Member{User: l.User, Role: l.Role, ReadID: l.Read, ReadCount: l.Count, Joined: l.Joined, Mute: l.Mute}
}
