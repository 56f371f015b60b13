package embedded

import (
	"encoding/binary"

	"parley"
)

const (
	edited  = 1
	deleted = 2
)

// appendState appends what became of a message after it was sent: flags, replies and
// reactions.
func appendState(dst []byte, m *parley.Message) []byte {
	var flags byte
	if m.Edited {
		flags |= edited
	}
	if m.Deleted {
		flags |= deleted
	}
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(m.Replies))
	dst = binary.AppendUvarint(dst, uint64(len(m.Reactions)))
	for _, r := range m.Reactions {
		dst = appendString(dst, r.Emoji)
		dst = binary.AppendUvarint(dst, uint64(r.Count))
		dst = binary.AppendUvarint(dst, uint64(len(r.Users)))
		for _, u := range r.Users {
			dst = appendString(dst, string(u))
		}
	}
	return dst
}

func (d *fields) state(m *parley.Message) {
	flags := d.byte()
	m.Edited, m.Deleted = flags&edited != 0, flags&deleted != 0
	m.Replies = int64(d.uvarint())
	for range d.count() {
		r := parley.Reaction{Emoji: d.string(), Count: int64(d.uvarint())}
		for range d.count() {
			r.Users = append(r.Users, parley.UserID(d.string()))
		}
		m.Reactions = append(m.Reactions, r)
	}
}

// appendChange appends what makes an entry a change: its kind, and the message it
// changed with its id, time, count and state.
func appendChange(dst []byte, kind parley.ChangeKind, target *parley.Message) []byte {
	dst = appendString(dst, string(kind))
	for _, v := range [...]int64{target.ID, int64(target.Time), target.Count} {
		dst = binary.AppendUvarint(dst, uint64(v))
	}
	return appendState(appendBody(dst, messageBody(target)), target)
}

func (d *fields) change(m *parley.Message) {
	m.Change = parley.ChangeKind(d.string())
	t := &parley.Message{Channel: m.Channel, ID: int64(d.uvarint()), Time: parley.Timestamp(d.uvarint()), Count: int64(d.uvarint())}
	d.body(t)
	d.state(t)
	m.Of, m.Target = t.ID, t
}

// encodeEntry encodes a message that was changed, or a change, whole.
func encodeEntry(m *parley.Message) []byte {
	d := messageBody(m)
	b := make([]byte, prefixSize, prefixSize+2*d.Size())
	putPrefix(b, m.Time, m.Count)
	b = appendBody(b, d)
	if m.Change != "" {
		b[0] = change
		return appendChange(b, m.Change, m.Target)
	}
	b[0] = folded
	return appendState(b, m)
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

// count reads how many of something follow; no more than there are bytes.
func (d *fields) count() int {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return 0
	}
	return int(n)
}
