package embedded

import (
	"encoding/binary"

	"github.com/parley-server/parley"
)

const (
	edited  = 1
	deleted = 2
)

// refs describes the state of a message after changes. It holds no content but refers to the
// changes that do, so the size of a change does not grow with the message. It is stored for the
// current message (an 'f' row), and in each change for the message after it.
type refs struct {
	flags   byte
	replies int64
	text    int64     // the last change that set it; 0: it is in the message's own row
	data    int64     // the same
	kinds   []kindRef // kinds of reactions, in order of first use
	more    string    // in an f row: fields about the message from later versions
}

// kindRef names the change that has the current state of a kind of reaction; if at is 0, the state
// is the one at an index in the message's own row (an older form).
type kindRef struct{ at, index int64 }

func (s *refs) encode(dst []byte) []byte {
	dst = append(dst, s.flags)
	for _, v := range [...]int64{s.replies, s.text, s.data, int64(len(s.kinds))} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	for _, k := range s.kinds {
		if dst = binary.AppendUvarint(dst, uint64(k.at)); k.at == 0 {
			dst = binary.AppendUvarint(dst, uint64(k.index))
		}
	}
	return dst
}

func (d *fields) stateRefs() (s refs) {
	s.flags = d.byte()
	s.replies, s.text, s.data = int64(d.uvarint()), int64(d.uvarint()), int64(d.uvarint())
	for range d.count() {
		k := kindRef{at: int64(d.uvarint())}
		if k.at == 0 {
			k.index = int64(d.uvarint())
		}
		s.kinds = append(s.kinds, k)
	}
	return s
}

// row encodes an f row.
func (s *refs) row() []byte { return append(s.encode([]byte{tagged}), s.more...) }

func decodeState(b []byte) (refs, error) {
	d := fields{rest: string(untag(b, 0))}
	s := d.stateRefs()
	if s.more = d.rest; d.bad || s.more != "" && b[0] != tagged {
		return s, errCodec
	}
	return s, nil
}

// stateOf is the state of a message without an f row, from its own row.
func stateOf(m *parley.Message) (s refs) {
	if m.Edited {
		s.flags |= edited
	}
	if m.Deleted {
		s.flags |= deleted
	}
	for i := range m.Reactions {
		s.kinds = append(s.kinds, kindRef{index: int64(i)})
	}
	return s
}

// delta is what a change stores in addition to its author and its place in the log: the message
// that it changes, the kind of change, and the message's state after it.
type delta struct {
	of     int64
	kind   parley.ChangeKind
	author parley.UserID    // of the message, needed when it is no longer kept
	sent   parley.Timestamp // the same
	state  refs

	parts    byte            // which of the following the change set
	text     string          // hasText
	data     string          // hasData
	reaction parley.Reaction // hasReaction: the reaction after the change
}

const (
	hasText     = 1
	hasData     = 2
	hasReaction = 4
	wiped       = 8 // its content was removed with the message's
)

func (d *delta) encode(dst []byte) []byte {
	dst = appendString(dst, string(d.kind))
	dst = binary.AppendUvarint(dst, uint64(d.of))
	dst = appendString(dst, string(d.author))
	dst = binary.AppendUvarint(dst, uint64(d.sent))
	dst = append(d.state.encode(dst), d.parts)
	if d.parts&hasText != 0 {
		dst = appendString(dst, d.text)
	}
	if d.parts&hasData != 0 {
		dst = appendString(dst, d.data)
	}
	if d.parts&hasReaction != 0 {
		dst = appendReaction(dst, &d.reaction)
	}
	return dst
}

func (d *fields) delta() *delta {
	c := &delta{kind: parley.ChangeKind(d.string()), of: int64(d.uvarint()), author: parley.UserID(d.string()),
		sent: parley.Timestamp(d.uvarint())}
	c.state = d.stateRefs()
	c.parts = d.byte()
	if c.parts&hasText != 0 {
		c.text = d.string()
	}
	if c.parts&hasData != 0 {
		c.data = d.string()
	}
	if c.parts&hasReaction != 0 {
		c.reaction = d.reaction()
	}
	return c
}

// encodeChange encodes an entry that is a change.
func encodeChange(m *parley.Message, d *delta, more string) []byte {
	b := make([]byte, prefixSize, prefixSize+len(d.text)+len(d.data)+256)
	putPrefix(b, m.Time, m.Count)
	b[0] = changed
	return withFields(d.encode(appendBody(b, &parley.Draft{User: m.User, Name: m.Name})), more)
}

// encodeDeleted encodes a message whose content was removed.
func encodeDeleted(m *parley.Message, more string) []byte {
	gone := m.Tombstone()
	b := make([]byte, prefixSize, prefixSize+256)
	putPrefix(b, m.Time, m.Count)
	b[0] = folded
	return withFields(appendState(appendBody(b, messageBody(&gone)), &gone, 0), more) // its f row counts replies
}

// appendState appends a message's state, as part of its own row.
func appendState(dst []byte, m *parley.Message, replies int64) []byte {
	s := stateOf(m)
	dst = append(dst, s.flags)
	dst = binary.AppendUvarint(dst, uint64(replies))
	dst = binary.AppendUvarint(dst, uint64(len(m.Reactions)))
	for i := range m.Reactions {
		dst = appendReaction(dst, &m.Reactions[i])
	}
	return dst
}

func (d *fields) state(m *parley.Message) (replies int64) {
	flags := d.byte()
	m.Edited, m.Deleted = flags&edited != 0, flags&deleted != 0
	replies = int64(d.uvarint())
	for range d.count() {
		m.Reactions = append(m.Reactions, d.reaction())
	}
	return replies
}

func appendReaction(dst []byte, r *parley.Reaction) []byte {
	dst = appendString(dst, r.Emoji)
	dst = binary.AppendUvarint(dst, uint64(r.Count))
	dst = binary.AppendUvarint(dst, uint64(len(r.Users)))
	for _, u := range r.Users {
		dst = appendString(dst, string(u))
	}
	return dst
}

func (d *fields) reaction() parley.Reaction {
	r := parley.Reaction{Emoji: d.string(), Count: int64(d.uvarint())}
	for range d.count() {
		r.Users = append(r.Users, parley.UserID(d.string()))
	}
	return r
}

// wholeChange reads the older form of a change, which contains the whole message after it.
func (d *fields) wholeChange(m *parley.Message) {
	m.Change = parley.ChangeKind(d.string())
	t := &parley.Message{Channel: m.Channel, ID: int64(d.uvarint()), Time: parley.Timestamp(d.uvarint()), Count: int64(d.uvarint())}
	d.body(t)
	d.state(t)
	m.Of, m.Target = t.ID, t
}

func messageBody(m *parley.Message) *parley.Draft {
	return &parley.Draft{User: m.User, Name: m.Name, Text: m.Text, Data: m.Data, Thread: m.Thread, Key: m.Key}
}

func (d *fields) byte() byte {
	if d.rest == "" {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// count reads a number of items; it is at most the number of bytes left.
func (d *fields) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return 0
	}
	return int(n)
}
