package embedded

import (
	"encoding/binary"
	"encoding/json"
	"errors"

	"github.com/parley-server/parley"
)

// A stored entry; channel and id are in its key:
//
//	version(1) time(8) count(8) | thread uvarint, then user, name, key, text and
//	data, each as uvarint length and bytes
//
// The part before the bar is filled in by the builder, the rest is encoded
// by the caller of Append, whose core is idle anyway. The version says what follows:
//
//	plain    nothing: the message is unchanged
//	folded   its state: see appendState. Such messages are deleted, or in an older form
//	whole    it is a change in an older form: see wholeChange
//	changed  it is a change: see delta
//
// If the bit extended is set, fields of a later version follow: see entryFields.
const (
	plain   = 1
	folded  = 2
	whole   = 3
	changed = 4

	extended = 0x10

	version    = 1 // of records
	prefixSize = 1 + 8 + 8
)

var errCodec = errors.New("a stored record is damaged or of a newer version")

// appendBody appends the part of a message that does not depend on its place in the log.
func appendBody(dst []byte, d *parley.Draft) []byte {
	dst = binary.AppendUvarint(dst, uint64(d.Thread))
	dst = appendString(dst, string(d.User))
	dst = appendString(dst, d.Name)
	dst = appendString(dst, d.Key)
	dst = appendString(dst, d.Text)
	dst = binary.AppendUvarint(dst, uint64(len(d.Data)))
	return append(dst, d.Data...)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func putPrefix(dst []byte, t parley.Timestamp, count int64) {
	dst[0] = plain
	binary.BigEndian.PutUint64(dst[1:], uint64(t))
	binary.BigEndian.PutUint64(dst[9:], uint64(count))
}

// decodePrefix reads what a channel's head needs.
func decodePrefix(b []byte) (t parley.Timestamp, count int64, err error) {
	if len(b) < prefixSize || b[0]&^extended < plain || b[0]&^extended > changed {
		return 0, 0, errCodec
	}
	return parley.Timestamp(binary.BigEndian.Uint64(b[1:])), int64(binary.BigEndian.Uint64(b[9:])), nil
}

// decodeMessage copies what it returns, so b may be reused.
func decodeMessage(ch parley.ChannelID, id int64, b []byte) (e entry, err error) {
	m := &e.Message
	m.ID, m.Channel = id, ch
	if m.Time, m.Count, err = decodePrefix(b); err != nil {
		return e, err
	}
	d := fields{rest: string(b[prefixSize:])} // one allocation for all strings
	d.body(m)
	switch b[0] &^ extended {
	case folded:
		e.replies = d.state(m)
	case whole:
		d.wholeChange(m)
	case changed:
		e.delta = d.delta()
		m.Change, m.Of = e.delta.kind, e.delta.of
	}
	if b[0]&extended != 0 && !d.bad {
		e.kept, err = entryFields(d.rest)
		d.rest = ""
	}
	if d.bad || d.rest != "" || err != nil {
		return e, errCodec
	}
	return e, nil
}

func (d *fields) body(m *parley.Message) {
	m.Thread = int64(d.uvarint())
	m.User = parley.UserID(d.string())
	m.Name, m.Key, m.Text = d.string(), d.string(), d.string()
	if data := d.string(); data != "" {
		m.Data = json.RawMessage(data)
	}
}

// fields reads a body from its beginning.
type fields struct {
	rest string
	bad  bool
}

func (d *fields) uvarint() uint64 {
	var v uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		c := d.rest[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			d.rest = d.rest[i+1:]
			return v
		}
	}
	d.bad, d.rest = true, ""
	return 0
}

func (d *fields) string() string {
	n := d.uvarint()
	if n > uint64(len(d.rest)) {
		d.bad, d.rest = true, ""
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

// record is what is stored about a channel in addition to its messages.
type record struct {
	first, last, count int64
	time               parley.Timestamp // of message last
	before             int64            // count of the entry before first
	exists             bool             // has a message
	more               string           // fields about the channel from later versions
}

const recordSize = 1 + 5*8 + 1

func (r record) encode() []byte {
	b := make([]byte, 0, recordSize)
	b = append(b, version)
	for _, v := range [...]int64{r.first, r.last, r.count, int64(r.time), r.before} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	if r.exists {
		b = append(b, 1)
	} else {
		b = append(b, 0)
	}
	return append(b, r.more...)
}

func decodeRecord(b []byte) (r record, err error) {
	if len(b) < recordSize || b[0] != version {
		return r, errCodec
	}
	at := func(i int) int64 { return int64(binary.BigEndian.Uint64(b[1+8*i:])) }
	return record{first: at(0), last: at(1), count: at(2), time: parley.Timestamp(at(3)), before: at(4), exists: b[recordSize-1] == 1,
		more: string(b[recordSize:])}, nil
}
