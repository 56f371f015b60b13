package chat

import (
	"context"
	"errors"
	"slices"

	"parley"
)

// Query asks for a run of a channel's messages. At most one of the pointers is set;
// with none it is the newest.
type Query struct {
	After  *parley.Cursor    // those after an id
	Before *int64            // the newest before an id
	Since  *parley.Timestamp // those later than a moment
	Limit  int               // at least 1
}

// Page is an answer to a Query: messages ascending by id, and the channel's bounds
// as they were before it was read.
type Page struct {
	Messages []parley.Message
	Bounds   parley.Bounds
}

// History reads a run of a channel. Long messages may make it shorter than asked
// for. A cursor that is gone is CodeCursorGone.
func (s *Service) History(ctx context.Context, c Caller, channel parley.ChannelID, q Query) (Page, error) {
	if err := s.Authorize(ctx, c, Read, channel); err != nil {
		return Page{}, err
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return Page{}, err
	}
	b := bs[0]
	after, limit := b.First-1, q.Limit
	switch {
	case q.After != nil:
		if r := parley.CheckCursor(*q.After, b); r != nil {
			return Page{}, &parley.Error{Code: parley.CodeCursorGone, Reset: r, Channel: channel,
				Detail: "the cursor can't be served: " + r.Reason, Hint: "go on from first_id - 1, or from last_id"}
		}
		after = max(after, q.After.ID)
	case q.Since != nil:
		from, err := parley.SeekTime(ctx, s.store, channel, *q.Since)
		if err != nil {
			return Page{}, err
		}
		after = max(after, from.ID)
	default: // backwards: the ids have no holes, so that a page's start is known
		end := b.Last + 1
		if q.Before != nil {
			end = min(end, *q.Before)
		}
		after = max(after, end-1-int64(limit))
		limit = int(end - 1 - after)
	}
	ms, err := s.run(ctx, channel, after, limit)
	if err != nil {
		return Page{}, err
	}
	s.limits.Owe(c, size(ms)/answerUnit)
	return Page{ms, b}, nil
}

// size is about how many bytes messages take.
func size(ms []parley.Message) (n int) {
	for i := range ms {
		n += len(ms[i].Text) + len(ms[i].Data) + 128
		if t := ms[i].Target; t != nil {
			n += len(t.Text) + len(t.Data) + 128
		}
	}
	return n
}

// run reads up to limit messages, in as many reads as it takes, of which none is
// large. What retention takes away meanwhile is left out.
func (s *Service) run(ctx context.Context, channel parley.ChannelID, after int64, limit int) (all []parley.Message, err error) {
	for limit > 0 {
		ms, err := s.store.Read(ctx, channel, parley.Cursor{ID: after}, limit)
		if errors.Is(err, parley.ErrTrimmed) && len(all) == 0 {
			bs, err := s.store.Bounds(ctx, channel)
			if err != nil {
				return nil, err
			}
			gone := bs[0].First - 1 - after
			if gone <= 0 {
				return nil, parley.ErrTrimmed
			}
			after, limit = bs[0].First-1, int(max(int64(limit)-gone, 0))
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(ms) == 0 {
			break
		}
		all = append(all, ms...)
		after += int64(len(ms))
		limit -= len(ms)
	}
	return all, nil
}

// Bounds is what a channel holds.
func (s *Service) Bounds(ctx context.Context, c Caller, channel parley.ChannelID) (parley.Bounds, error) {
	if err := s.Authorize(ctx, c, Read, channel); err != nil {
		return parley.Bounds{}, err
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return parley.Bounds{}, err
	}
	return bs[0], nil
}

// Epoch is the store's.
func (s *Service) Epoch(ctx context.Context) (string, error) {
	bs, err := s.store.Bounds(ctx, "parley")
	if err != nil {
		return "", err
	}
	return bs[0].Epoch, nil
}

// Merged reads several channels, in the order of their timestamps. It returns at most
// about as many messages as the largest limit: the oldest of them, or if no channel
// is read forwards the newest, and never cuts inside one timestamp.
func (s *Service) Merged(ctx context.Context, c Caller, channels []parley.ChannelID, each func(parley.ChannelID) Query) ([]parley.Message, error) {
	var all []parley.Message
	limit, newest := 0, true
	for _, channel := range channels {
		q := each(channel)
		limit, newest = max(limit, q.Limit), newest && q.Since == nil && q.After == nil
		p, err := s.History(ctx, c, channel, q)
		if err != nil {
			return nil, err
		}
		all = append(all, p.Messages...)
	}
	slices.SortStableFunc(all, func(a, b parley.Message) int { return int(min(max(a.Time-b.Time, -1), 1)) })
	if len(all) <= limit {
		return all, nil
	}
	if newest {
		from := len(all) - limit
		for from > 0 && all[from-1].Time == all[from].Time {
			from--
		}
		return all[from:], nil
	}
	to := limit
	for to < len(all) && all[to].Time == all[to-1].Time {
		to++
	}
	return all[:to], nil
}
