package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// Thread implements parley.Index.
func (l *Log) Thread(ctx context.Context, channel parley.ChannelID, root int64, q parley.ThreadQuery) (t parley.Thread, err error) {
	err = l.inside(ctx, func() error {
		t, err = l.thread(channel, root, q)
		return err
	})
	if err != nil {
		return parley.Thread{}, fmt.Errorf("thread %d of %s: %w", root, channel, err)
	}
	return t, nil
}

// maxThread is about how many bytes of a thread are read at a time.
const maxThread = 8 << 20

func (l *Log) thread(channel parley.ChannelID, root int64, q parley.ThreadQuery) (t parley.Thread, err error) {
	h, err := l.hold(channel)
	if err != nil {
		return t, err
	}
	defer l.heads.release(h)
	b := h.bounds()
	t.Root, err = l.kept(h, root)
	if err == nil && t.Root != nil && t.Root.Thread != 0 {
		root = t.Root.Thread
		t.Root, err = l.kept(h, root)
	}
	if err == nil && t.Root != nil {
		t.Count, err = l.countReplies(h, root)
	}
	if err != nil {
		return t, err
	}
	from, to := max(root, b.first-1), b.last+1 // the replies between them
	if q.After != nil {
		from = max(from, *q.After)
	} else if q.Before != nil {
		to = min(to, max(*q.Before, 0))
	}
	if from >= to-1 {
		return t, nil
	}
	it, err := l.db.rowsOf(rowKey('t', channel, root, from+1), rowKey('t', channel, root, to))
	if err != nil {
		return t, err
	}
	defer it.Close()
	begin, next := it.Last, it.Prev
	if q.After != nil {
		begin, next = it.First, it.Next
	}
	size := 0
	for ok := begin(); ok && len(t.Replies) < q.Limit && size < maxThread; ok = next() {
		m, err := l.kept(h, messageID(it.Key()))
		if err != nil {
			return t, err
		}
		if m != nil {
			t.Replies = append(t.Replies, *m)
			size += len(m.Text) + len(m.Data) + 128
		}
	}
	if q.After == nil {
		slices.Reverse(t.Replies)
	}
	return t, it.Error()
}

// countReplies counts the replies to a kept message that are not deleted.
func (l *Log) countReplies(h *head, root int64) (int64, error) {
	f := l.fold(h)
	if state, err := f.row('f', root); err != nil {
		return 0, err
	} else if state != nil {
		s, err := decodeState(state)
		return s.replies, err
	}
	e, err := f.read(root)
	if err != nil || e == nil {
		return 0, err
	}
	return e.replies, nil
}

// kept reads a message; nil if the channel does not keep it.
func (l *Log) kept(h *head, id int64) (*parley.Message, error) {
	if b := h.bounds(); id < max(b.first, 1) || id > b.last || id == math.MaxInt64 {
		return nil, nil
	}
	m, err := l.get(h, id)
	if errors.Is(err, pebble.ErrNotFound) && id < h.bounds().first {
		return nil, nil // trimmed in the meantime
	}
	if err != nil || m.Change != "" {
		return nil, err
	}
	return &m, nil
}

// Reactors implements parley.Reactions.
func (l *Log) Reactors(ctx context.Context, channel parley.ChannelID, of int64, emoji string, user, after parley.UserID,
	limit int) (r parley.Reactors, err error) {
	inFlight := false
	err = l.inside(ctx, func() error {
		h, err := l.hold(channel)
		if err != nil {
			return err
		}
		defer l.heads.release(h)
		inFlight = h.inFlight(of)
		r, err = l.reactors(h, of, emoji, user, after, limit)
		return err
	})
	if err == nil && inFlight {
		// Rows of a batch are visible before it is durable; an empty request completes after it.
		err = l.submit(ctx, &request{do: func(*build) error { return nil }})
	}
	if err != nil {
		return parley.Reactors{}, fmt.Errorf("reactions to %d of %s: %w", of, channel, err)
	}
	return r, nil
}

func (l *Log) reactors(h *head, of int64, emoji string, user, after parley.UserID, limit int) (r parley.Reactors, err error) {
	m, err := l.kept(h, of)
	if err != nil {
		return r, err
	}
	if m == nil {
		return r, parley.ErrNoMessage
	}
	i := m.Kind(emoji)
	if i < 0 {
		return r, nil
	}
	r.Count, emoji = m.Reactions[i].Count, m.Reactions[i].Emoji
	prefix := reactorKey(h.channel, of, emoji, "")
	_, r.Mine, err = row(l.getter(), reactorKey(h.channel, of, emoji, user), func([]byte) (struct{}, error) { return struct{}{}, nil })
	if err != nil {
		return r, err
	}
	from, to := prefix, append(prefix[:len(prefix)-1:len(prefix)-1], 1)
	if after != "" {
		from = append(reactorKey(h.channel, of, emoji, after), 0)
	}
	it, err := l.db.rowsOf(from, to)
	if err != nil {
		return r, err
	}
	defer it.Close()
	for ok := it.First(); ok; ok = it.Next() {
		if r.More = len(r.Users) == limit; r.More {
			break
		}
		r.Users = append(r.Users, parley.UserID(it.Key()[len(prefix):]))
	}
	return r, it.Error()
}
