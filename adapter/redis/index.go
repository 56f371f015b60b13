package redis

import (
	"context"
	"fmt"
	"strconv"

	"github.com/parley-server/parley"
)

// Project implements parley.Index.
func (s *Store) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) ([]parley.Fact, error) {
	if err := s.project(ctx, channel, run); err != nil {
		return nil, fmt.Errorf("project %s: %w", channel, err)
	}
	return nil, nil
}

// project updates lists in other slots; everything else was written with the entries.
func (s *Store) project(ctx context.Context, channel parley.ChannelID, run parley.Run) error {
	ms, epoch, err := s.runFor(ctx, run.Epoch, call{script: positionScript, channel: channel})
	if err != nil {
		return err
	}
	if epoch != run.Epoch {
		return parley.ErrEpoch
	}
	at, err := ms[0].AsInt64()
	switch {
	case err != nil:
		return err
	case len(run.Entries) == 0:
		return nil
	case run.Entries[0].ID > at+1:
		return parley.ErrGap
	case run.Entries[len(run.Entries)-1].ID <= at:
		return nil
	}
	return s.settle(ctx, channel)
}

// Position implements parley.Index.
func (s *Store) Position(ctx context.Context, channels ...parley.ChannelID) ([]int64, error) {
	calls := make([]call, len(channels))
	for i, c := range channels {
		calls[i] = call{script: positionScript, channel: c}
	}
	ms, _, err := s.run(ctx, calls...)
	at := make([]int64, len(channels))
	for i := range ms {
		if err == nil {
			at[i], err = ms[i].AsInt64()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("positions: %w", err)
	}
	return at, nil
}

// Unread implements parley.Index (algorithms.md, "Unread").
func (s *Store) Unread(ctx context.Context, user parley.UserID, places ...parley.Place) ([]parley.Count, error) {
	calls := make([]call, len(places))
	for i, p := range places {
		calls[i] = call{script: unreadScript, channel: p.Channel, args: []string{string(user), strconv.FormatInt(p.ReadID, 10),
			strconv.FormatInt(p.ReadCount, 10)}}
	}
	ms, _, err := s.run(ctx, calls...)
	counts := make([]parley.Count, len(places))
	for i := range ms {
		var ns []int64
		if err == nil {
			ns, err = ms[i].AsIntSlice()
		}
		if err == nil && len(ns) != 4 {
			err = errAnswer
		}
		if err == nil {
			counts[i] = parley.Count{Channel: places[i].Channel, FirstID: ns[0], LastID: ns[1], Unread: ns[2], Mentions: ns[3]}
		}
	}
	if err != nil {
		return nil, fmt.Errorf("what %s has not read: %w", user, err)
	}
	return counts, nil
}

// Latest implements parley.Index.
func (s *Store) Latest(ctx context.Context, channels ...parley.ChannelID) ([]*parley.Message, error) {
	parts, _, err := s.each(ctx, latestScript, channels, strconv.Itoa(parley.LatestLooked))
	if err != nil {
		return nil, fmt.Errorf("latest messages: %w", err)
	}
	all := make([]*parley.Message, len(channels))
	for i, p := range parts {
		if len(p) == 0 {
			continue
		}
		ms, err := entriesOf(channels[i], p)
		if err != nil || len(ms) != 1 {
			return nil, fmt.Errorf("latest message of %s: %w", channels[i], unexpected(err))
		}
		all[i] = &ms[0]
	}
	return all, nil
}

// entriesOf decodes messages, each an id, an entry and a state.
func entriesOf(channel parley.ChannelID, parts []string) (ms []parley.Message, err error) {
	if len(parts)%3 != 0 {
		return nil, errAnswer
	}
	for ; len(parts) > 0; parts = parts[3:] {
		id, err := strconv.ParseInt(parts[0], 10, 64)
		if err != nil {
			return nil, errAnswer
		}
		m, err := entryOf(channel, id, 1, parts[1], parts[2])
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return ms, nil
}

// Thread implements parley.Index.
func (s *Store) Thread(ctx context.Context, channel parley.ChannelID, root int64, q parley.ThreadQuery) (t parley.Thread, err error) {
	bound := func(id *int64) string {
		if id == nil {
			return "-"
		}
		return strconv.FormatInt(*id, 10)
	}
	args := []string{strconv.FormatInt(root, 10), bound(q.After), bound(q.Before), strconv.Itoa(q.Limit)}
	parts, _, err := s.each(ctx, threadScript, []parley.ChannelID{channel}, args...)
	if err == nil && len(parts[0]) < 4 {
		err = errAnswer
	}
	if err == nil {
		p := parts[0]
		if t.Count, err = strconv.ParseInt(p[3], 10, 64); err == nil && p[1] != "" {
			var first []parley.Message
			if first, err = entriesOf(channel, p[:3]); err == nil {
				t.Root = &first[0]
			}
		}
		if err == nil {
			t.Replies, err = entriesOf(channel, p[4:])
		}
	}
	if err != nil {
		return parley.Thread{}, fmt.Errorf("thread %d of %s: %w", root, channel, err)
	}
	return t, nil
}
