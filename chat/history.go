package chat

import (
	"cmp"
	"context"
	"errors"
	"math"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Query selects a run of a channel's messages. At most one of the pointers is set; with none
// the run is the newest one.
type Query struct {
	After  *parley.Cursor    // those after an id
	Before *int64            // the newest before an id
	Since  *parley.Timestamp // those later than a time
	Limit  int               // at least 1
	Bytes  int               // stops adding messages at this size; 0: the limit of a response
}

// Page is the result of a Query: messages ascending by id, and the channel's bounds before it
// was read.
type Page struct {
	Messages []parley.Message
	Bounds   parley.Bounds
}

// History reads a run of a channel. A cursor that cannot be served is refused with
// CodeCursorGone.
func (s *Service) History(ctx context.Context, c access.Caller, channel parley.ChannelID, q Query) (Page, error) {
	if err := s.Authorize(ctx, c, access.Read, channel); err != nil {
		return Page{}, err
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return Page{}, err
	}
	b := bs[0]
	after, limit, most := b.First-1, q.Limit, cmp.Or(q.Bytes, s.maxAnswer)
	switch {
	case q.After != nil:
		if err := served(*q.After, b); err != nil {
			return Page{}, err
		}
		after = max(after, q.After.ID)
	case q.Since != nil:
		from, err := parley.SeekTime(ctx, s.store, channel, *q.Since)
		if err != nil {
			return Page{}, err
		}
		after = max(after, from.ID)
	default: // backward: the ids have no gaps, so the start of a page is known
		end := b.Last + 1
		if q.Before != nil {
			end = min(end, *q.Before)
		}
		ms, err := s.before(ctx, channel, max(after, end-1-int64(limit)), end, most)
		return s.page(c, b, ms, err)
	}
	for {
		ms, err := s.run(ctx, channel, after, limit, most)
		trimmed := errors.Is(err, parley.ErrTrimmed)
		if trimmed && len(ms) > 0 {
			return s.page(c, b, ms, nil) // a client that reads on from the last of them finds out
		}
		if !trimmed {
			return s.page(c, b, ms, err)
		}
		// Retention has removed the next messages since the bounds were read: the cursor cannot
		// be served now.
		now, err := s.store.Bounds(ctx, channel)
		if err == nil && now[0].First-1 <= after {
			err = parley.ErrTrimmed
		}
		if err == nil && q.After != nil {
			err = served(*q.After, now[0])
		}
		if err != nil {
			return Page{}, err
		}
		b, after = now[0], now[0].First-1
	}
}

// served refuses a cursor that is outside the channel's bounds.
func served(c parley.Cursor, b parley.Bounds) error {
	r := parley.CheckCursor(c, b)
	if r == nil {
		return nil
	}
	return &parley.Error{Code: parley.CodeCursorGone, Reset: r, Channel: b.Channel,
		Detail: "the cursor can't be served: " + r.Reason, Hint: "resume from first_id - 1, or from last_id"}
}

// page charges the cost of a response.
func (s *Service) page(c access.Caller, b parley.Bounds, ms []parley.Message, err error) (Page, error) {
	if err != nil {
		return Page{}, err
	}
	s.limits.ChargeRead(c, sizes(ms)/answerUnit)
	return Page{ms, b}, nil
}

// run reads up to limit messages, in several reads, none of which is large, and stops when
// their size reaches most. The error is ErrTrimmed, together with the messages read before, if retention has
// removed those that follow.
func (s *Service) run(ctx context.Context, channel parley.ChannelID, after int64, limit, most int) (all []parley.Message, err error) {
	for bytes := 0; limit > 0 && bytes < most; {
		run, err := s.store.Read(ctx, channel, parley.Cursor{ID: after}, limit)
		if err != nil {
			return all, err
		}
		ms := run.Entries
		if len(ms) == 0 {
			break
		}
		fit, n := fitting(ms, most-bytes, len(all) == 0)
		all = append(all, ms[:fit]...)
		if fit < len(ms) {
			break
		}
		after += int64(len(ms))
		limit -= len(ms)
		bytes += n
	}
	return all, nil
}

// backwards is how many messages are read at a time toward older ones: few at first, because
// their sizes are unknown.
const backwards = 32

// before reads the messages between two ids, from the newest on, and stops when their size reaches most.
func (s *Service) before(ctx context.Context, channel parley.ChannelID, after, end int64, most int) (all []parley.Message, err error) {
	step := int64(backwards)
	for bytes := 0; end-1 > after && bytes < most; {
		from := max(after, end-1-step)
		ms, err := s.run(ctx, channel, from, int(end-1-from), math.MaxInt)
		if errors.Is(err, parley.ErrTrimmed) {
			if len(all) > 0 {
				break
			}
			bs, err := s.store.Bounds(ctx, channel)
			if err != nil {
				return nil, err
			}
			if bs[0].First-1 <= from {
				return nil, parley.ErrTrimmed
			}
			after = bs[0].First - 1 // retention has removed older ones since the bounds were read
			continue
		}
		if err != nil {
			return nil, err
		}
		if n := len(ms); n == 0 || len(all) > 0 && ms[n-1].ID != end-1 { // the channel was removed in the meantime
			break
		}
		fit, n := fittingLast(ms, most-bytes, len(all) == 0)
		all = append(ms[len(ms)-fit:len(ms):len(ms)], all...)
		if fit < len(ms) {
			break
		}
		end = ms[0].ID
		bytes += n
		step = min(8*backwards, max(1, int64(most-bytes)*int64(len(all))/int64(bytes)))
	}
	return all, nil
}

// Bounds returns the bounds of a channel.
func (s *Service) Bounds(ctx context.Context, c access.Caller, channel parley.ChannelID) (parley.Bounds, error) {
	if err := s.Authorize(ctx, c, access.Read, channel); err != nil {
		return parley.Bounds{}, err
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return parley.Bounds{}, err
	}
	return bs[0], nil
}

// Epoch returns the store's epoch.
func (s *Service) Epoch(ctx context.Context) (string, error) {
	bs, err := s.store.Bounds(ctx, "parley")
	if err != nil {
		return "", err
	}
	return bs[0].Epoch, nil
}
