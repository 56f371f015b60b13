package codec

import (
	"encoding/json"
	"fmt"

	"github.com/parley-server/parley"
)

// An envelope is a version byte followed by fields. A change that older nodes cannot handle by skipping fields needs a new
// version.
const envelopeVersion = 1

// maxNested is how deeply messages can be nested: a change and its target.
const maxNested = 2

// AppendEnvelope appends an envelope without its channel, which every bus delivers next to it.
func AppendEnvelope(dst []byte, env *parley.Envelope) []byte {
	e := Encoder{append(dst, envelopeVersion)}
	e.Text(1, env.Node)
	e.Text(2, env.Epoch)
	e.Number(3, env.Head)
	for i := range env.Messages {
		e.Nested(4, func(in *Encoder) { encodeMessage(in, &env.Messages[i]) })
	}
	e.Number(6, int64(env.Seq))
	if ev := env.Event; ev != nil {
		e.Nested(5, func(in *Encoder) {
			in.Text(1, ev.Name)
			in.Text(2, string(ev.Object))
			in.Text(3, ev.Skip)
			in.Flag(4, ev.Presence)
		})
	}
	return e.B
}

// AppendMessage appends a message without its channel.
func AppendMessage(dst []byte, m *parley.Message) []byte {
	e := Encoder{dst}
	encodeMessage(&e, m)
	return e.B
}

// encodeMessage appends a message without its channel, and without one in its target.
func encodeMessage(e *Encoder, m *parley.Message) {
	e.Number(1, m.ID)
	e.Text(2, string(m.User))
	e.Text(3, m.Name)
	e.Text(4, m.Text)
	e.Text(5, string(m.Data))
	e.Number(6, m.Thread)
	e.Text(7, m.Key)
	e.Flag(8, m.Join)
	e.Number(9, int64(m.Time))
	e.Number(10, m.Count)
	e.Flag(11, m.Edited)
	e.Flag(12, m.Deleted)
	for _, r := range m.Reactions {
		e.Nested(13, func(in *Encoder) {
			in.Text(1, r.Emoji)
			in.Number(2, r.Count)
			for _, u := range r.Users {
				in.Text(3, string(u))
			}
		})
	}
	e.Text(14, string(m.Change))
	e.Number(15, m.Of)
	if m.Target != nil {
		e.Nested(16, func(in *Encoder) { encodeMessage(in, m.Target) })
	}
}

// DecodeEnvelope reads an envelope of a channel.
func DecodeEnvelope(channel parley.ChannelID, s string) (env parley.Envelope, err error) {
	env.Channel = channel
	if s == "" {
		return env, ErrDamaged
	}
	if s[0] != envelopeVersion {
		return env, ErrNewer
	}
	err = Decode(s[1:], func(f Field) error {
		switch f.Number {
		case 1:
			env.Node = f.Bytes
		case 2:
			env.Epoch = f.Bytes
		case 3:
			env.Head = f.N
		case 4:
			m, err := decodeMessage(channel, f.Bytes, 1)
			env.Messages = append(env.Messages, m)
			return err
		case 6:
			env.Seq = uint64(f.N)
		case 5:
			env.Event = &parley.Event{}
			return decodeEvent(env.Event, f.Bytes)
		}
		return nil
	})
	if err != nil {
		return parley.Envelope{}, fmt.Errorf("envelope of %s: %w", channel, err)
	}
	return env, nil
}

func decodeEvent(ev *parley.Event, s string) error {
	return Decode(s, func(f Field) error {
		switch f.Number {
		case 1:
			ev.Name = f.Bytes
		case 2:
			ev.Object = []byte(f.Bytes)
		case 3:
			ev.Skip = f.Bytes
		case 4:
			ev.Presence = f.N != 0
		}
		return nil
	})
}

// DecodeMessage reads a message of a channel.
func DecodeMessage(channel parley.ChannelID, s string) (parley.Message, error) {
	return decodeMessage(channel, s, 1)
}

func decodeMessage(channel parley.ChannelID, s string, depth int) (m parley.Message, err error) {
	if depth > maxNested {
		return m, ErrDamaged
	}
	m.Channel = channel
	err = Decode(s, func(f Field) error {
		switch f.Number {
		case 1:
			m.ID = f.N
		case 2:
			m.User = parley.UserID(f.Bytes)
		case 3:
			m.Name = f.Bytes
		case 4:
			m.Text = f.Bytes
		case 5:
			m.Data = json.RawMessage(f.Bytes)
		case 6:
			m.Thread = f.N
		case 7:
			m.Key = f.Bytes
		case 8:
			m.Join = f.N != 0
		case 9:
			m.Time = parley.Timestamp(f.N)
		case 10:
			m.Count = f.N
		case 11:
			m.Edited = f.N != 0
		case 12:
			m.Deleted = f.N != 0
		case 13:
			r, err := decodeReaction(f.Bytes)
			m.Reactions = append(m.Reactions, r)
			return err
		case 14:
			m.Change = parley.ChangeKind(f.Bytes)
		case 15:
			m.Of = f.N
		case 16:
			target, err := decodeMessage(channel, f.Bytes, depth+1)
			m.Target = &target
			return err
		}
		return nil
	})
	return m, err
}

func decodeReaction(s string) (r parley.Reaction, err error) {
	err = Decode(s, func(f Field) error {
		switch f.Number {
		case 1:
			r.Emoji = f.Bytes
		case 2:
			r.Count = f.N
		case 3:
			r.Users = append(r.Users, parley.UserID(f.Bytes))
		}
		return nil
	})
	return r, err
}
