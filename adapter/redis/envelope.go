package redis

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"parley"
)

// An envelope is a byte for the version of the form, and fields. A field is a tag and its value: the tag is a
// varint of number<<1 | kind, the value a varint (kind 0) or a length and that many bytes (kind 1). A field
// that is zero is left out; one that repeats is a list; one that is not known is skipped, so that nodes of
// two releases understand each other. A change that skipping does not bear takes another version.
const envelopeVersion = 1

var (
	// errNewer: the envelope is of a later release.
	errNewer   = errors.New("the envelope is in a form of a later version")
	errDamaged = errors.New("the envelope is damaged")
)

// maxNested is how deep messages can be within each other: a change and its target.
const maxNested = 2

// encoder appends fields.
type encoder struct{ b []byte }

func (e *encoder) number(field int, v int64) {
	if v != 0 {
		e.b = binary.AppendUvarint(e.b, uint64(field)<<1)
		e.b = binary.AppendVarint(e.b, v)
	}
}

func (e *encoder) flag(field int, v bool) {
	if v {
		e.number(field, 1)
	}
}

func (e *encoder) text(field int, v string) {
	if v != "" {
		e.b = binary.AppendUvarint(e.b, uint64(field)<<1|1)
		e.b = binary.AppendUvarint(e.b, uint64(len(v)))
		e.b = append(e.b, v...)
	}
}

// nested appends a field whose bytes are fields. It is there also when they are empty.
func (e *encoder) nested(field int, fields func(*encoder)) {
	e.b = binary.AppendUvarint(e.b, uint64(field)<<1|1)
	at := len(e.b)
	fields(e)
	var size [binary.MaxVarintLen64]byte
	n := binary.PutUvarint(size[:], uint64(len(e.b)-at))
	e.b = slices.Insert(e.b, at, size[:n]...)
}

// appendEnvelope appends an envelope without its channel, which Redis delivers beside it.
func appendEnvelope(dst []byte, env *parley.Envelope) []byte {
	e := encoder{append(dst, envelopeVersion)}
	e.text(1, env.Node)
	e.text(2, env.Epoch)
	e.number(3, env.Head)
	for i := range env.Messages {
		e.nested(4, func(in *encoder) { encodeMessage(in, &env.Messages[i]) })
	}
	e.number(6, int64(env.Seq))
	if ev := env.Event; ev != nil {
		e.nested(5, func(in *encoder) {
			in.text(1, ev.Name)
			in.text(2, string(ev.Object))
			in.text(3, ev.Skip)
			in.flag(4, ev.Presence)
		})
	}
	return e.b
}

// encodeMessage appends a message without its channel, and without one in its target.
func encodeMessage(e *encoder, m *parley.Message) {
	e.number(1, m.ID)
	e.text(2, string(m.User))
	e.text(3, m.Name)
	e.text(4, m.Text)
	e.text(5, string(m.Data))
	e.number(6, m.Thread)
	e.text(7, m.Key)
	e.flag(8, m.Join)
	e.number(9, int64(m.Time))
	e.number(10, m.Count)
	e.flag(11, m.Edited)
	e.flag(12, m.Deleted)
	for _, r := range m.Reactions {
		e.nested(13, func(in *encoder) {
			in.text(1, r.Emoji)
			in.number(2, r.Count)
			for _, u := range r.Users {
				in.text(3, string(u))
			}
		})
	}
	e.text(14, string(m.Change))
	e.number(15, m.Of)
	if m.Target != nil {
		e.nested(16, func(in *encoder) { encodeMessage(in, m.Target) })
	}
}

// field is one that was read.
type field struct {
	number uint64
	n      int64
	bytes  string
}

// decode calls each with the fields in s, in their order.
func decode(s string, each func(f field) error) error {
	for s != "" {
		tag, rest, ok := cutUvarint(s)
		if !ok {
			return errDamaged
		}
		v, rest, ok := cutUvarint(rest)
		if !ok {
			return errDamaged
		}
		f := field{number: tag >> 1}
		switch {
		case tag&1 == 0:
			f.n = int64(v>>1) ^ -int64(v&1) // as binary.AppendVarint writes it
		case v > uint64(len(rest)):
			return errDamaged
		default:
			f.bytes, rest = rest[:v], rest[v:]
		}
		if err := each(f); err != nil {
			return err
		}
		s = rest
	}
	return nil
}

// cutUvarint reads what binary.AppendUvarint writes.
func cutUvarint(s string) (v uint64, rest string, ok bool) {
	for i := 0; i < len(s) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(s[i]&0x7f) << (7 * i)
		if s[i] < 0x80 {
			return v, s[i+1:], true
		}
	}
	return 0, "", false
}

// decodeEnvelope reads an envelope of a channel.
func decodeEnvelope(channel parley.ChannelID, s string) (env parley.Envelope, err error) {
	env.Channel = channel
	if s == "" {
		return env, errDamaged
	}
	if s[0] != envelopeVersion {
		return env, errNewer
	}
	err = decode(s[1:], func(f field) error {
		switch f.number {
		case 1:
			env.Node = f.bytes
		case 2:
			env.Epoch = f.bytes
		case 3:
			env.Head = f.n
		case 4:
			m, err := decodeMessage(channel, f.bytes, 1)
			env.Messages = append(env.Messages, m)
			return err
		case 6:
			env.Seq = uint64(f.n)
		case 5:
			env.Event = &parley.Event{}
			return decodeEvent(env.Event, f.bytes)
		}
		return nil
	})
	if err != nil {
		return parley.Envelope{}, fmt.Errorf("envelope of %s: %w", channel, err)
	}
	return env, nil
}

func decodeEvent(ev *parley.Event, s string) error {
	return decode(s, func(f field) error {
		switch f.number {
		case 1:
			ev.Name = f.bytes
		case 2:
			ev.Object = []byte(f.bytes)
		case 3:
			ev.Skip = f.bytes
		case 4:
			ev.Presence = f.n != 0
		}
		return nil
	})
}

func decodeMessage(channel parley.ChannelID, s string, depth int) (m parley.Message, err error) {
	if depth > maxNested {
		return m, errDamaged
	}
	m.Channel = channel
	err = decode(s, func(f field) error {
		switch f.number {
		case 1:
			m.ID = f.n
		case 2:
			m.User = parley.UserID(f.bytes)
		case 3:
			m.Name = f.bytes
		case 4:
			m.Text = f.bytes
		case 5:
			m.Data = json.RawMessage(f.bytes)
		case 6:
			m.Thread = f.n
		case 7:
			m.Key = f.bytes
		case 8:
			m.Join = f.n != 0
		case 9:
			m.Time = parley.Timestamp(f.n)
		case 10:
			m.Count = f.n
		case 11:
			m.Edited = f.n != 0
		case 12:
			m.Deleted = f.n != 0
		case 13:
			r, err := decodeReaction(f.bytes)
			m.Reactions = append(m.Reactions, r)
			return err
		case 14:
			m.Change = parley.ChangeKind(f.bytes)
		case 15:
			m.Of = f.n
		case 16:
			target, err := decodeMessage(channel, f.bytes, depth+1)
			m.Target = &target
			return err
		}
		return nil
	})
	return m, err
}

func decodeReaction(s string) (r parley.Reaction, err error) {
	err = decode(s, func(f field) error {
		switch f.number {
		case 1:
			r.Emoji = f.bytes
		case 2:
			r.Count = f.n
		case 3:
			r.Users = append(r.Users, parley.UserID(f.bytes))
		}
		return nil
	})
	return r, err
}
