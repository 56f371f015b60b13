package cassandra

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/codec"
)

// A body is a byte for the version of the form, and a message (internal/codec). That of a change has the message as it was
// after it. What else follows from a change is in extra, fields of the codec.
const bodyVersion = 1

func bodyOf(m *parley.Message) []byte {
	return codec.AppendMessage(append(make([]byte, 0, len(m.User)+len(m.Name)+len(m.Text)+len(m.Data)+64), bodyVersion), m)
}

func messageOf(channel parley.ChannelID, body []byte) (m parley.Message, err error) {
	switch {
	case len(body) == 0:
		return m, codec.ErrDamaged
	case body[0] != bodyVersion:
		return m, codec.ErrNewer
	}
	return codec.DecodeMessage(channel, string(body[1:]))
}

// extra is what a change stores besides the message after it.
type extra struct {
	emoji  string // of a reaction
	remove bool
	had    []parley.UserID // of an edit and a deletion: whom the message named before
	prev   int64           // the change of the message before this one; 0: none
}

func (x *extra) bytes() []byte {
	e := codec.Encoder{B: []byte{bodyVersion}}
	e.Text(1, x.emoji)
	e.Flag(2, x.remove)
	for _, u := range x.had {
		e.Text(3, string(u))
	}
	e.Number(4, x.prev)
	return e.B
}

func extraOf(b []byte) (x extra, err error) {
	switch {
	case len(b) == 0:
		return x, nil // of a message
	case b[0] != bodyVersion:
		return x, codec.ErrNewer
	}
	err = codec.Decode(string(b[1:]), func(f codec.Field) error {
		switch f.Number {
		case 1:
			x.emoji = f.Bytes
		case 2:
			x.remove = f.N != 0
		case 3:
			x.had = append(x.had, parley.UserID(f.Bytes))
		case 4:
			x.prev = f.N
		}
		return nil
	})
	return x, err
}

// row is an entry as it was stored.
type row struct {
	parley.Message
	extra
}

// rows reads the entries from…to as they were stored, without gaps and at most about so many bytes of them.
func (s *Store) rows(ctx context.Context, channel parley.ChannelID, from, to int64, most int) (all []row, err error) {
	for next := from; next <= to && most > 0; {
		bucket := s.bucketOf(next)
		end := min(to, (bucket+1)*s.size)
		rs := s.read(`SELECT id, body, extra FROM log WHERE channel = ? AND bucket = ? AND kind = 0 AND id >= ? AND id <= ?`,
			string(channel), bucket, next, end).PageSize(512).IterContext(ctx)
		var id int64
		var body, more []byte
		for most > 0 && rs.Scan(&id, &body, &more) && id == next {
			var r row
			if r.Message, err = messageOf(channel, body); err == nil {
				r.extra, err = extraOf(more)
			}
			if err != nil {
				return nil, errors.Join(fmt.Errorf("entry %d: %w", id, err), rs.Close())
			}
			all = append(all, r)
			most -= len(body) + 64
			next++
			body, more = nil, nil
		}
		if err := rs.Close(); err != nil {
			return nil, fmt.Errorf("read entries: %w", err)
		}
		if next <= end {
			break
		}
	}
	return all, nil
}

// maxID is more than any channel has.
const maxID = 1 << 53

// entry is one entry as it was stored, nil if the channel does not hold it.
func (s *Store) entry(ctx context.Context, channel parley.ChannelID, id int64) (*row, error) {
	if id < 1 || id > maxID {
		return nil, nil
	}
	c, err := s.channel(ctx, channel)
	if err != nil || id < c.floor {
		return nil, err
	}
	rs, err := s.rows(ctx, channel, id, id, 1)
	if err != nil || len(rs) == 0 {
		return nil, err
	}
	return &rs[0], nil
}

// state is the state of a message after its last change.
type state struct {
	v int64
	m parley.Message
}

// states reads the states of changed messages among from…to.
func (s *Store) states(ctx context.Context, channel parley.ChannelID, from, to int64, into map[int64]state) error {
	for bucket := s.bucketOf(from); bucket <= s.bucketOf(to); bucket++ {
		rs := s.read(`SELECT target, v, state FROM now WHERE channel = ? AND bucket = ? AND target >= ? AND target <= ?`,
			string(channel), bucket, from, to).IterContext(ctx)
		var of, v int64
		var body []byte
		for rs.Scan(&of, &v, &body) {
			m, err := messageOf(channel, body)
			if err != nil {
				return errors.Join(fmt.Errorf("message %d: %w", of, err), rs.Close())
			}
			into[of] = state{v, m}
			body = nil
		}
		if err := rs.Close(); err != nil {
			return fmt.Errorf("read what messages are now: %w", err)
		}
	}
	return nil
}

// current returns a message in its current state, nil if the channel does not hold it.
func (s *Store) current(ctx context.Context, channel parley.ChannelID, of int64) (*parley.Message, error) {
	v, err := s.view(ctx, channel)
	if err != nil || of < v.floor || of > v.id {
		return nil, err
	}
	ms, err := s.window(ctx, channel, &v, of, of, 1)
	if err != nil || len(ms) == 0 || ms[0].Change != "" {
		return nil, err
	}
	return &ms[0], nil
}
