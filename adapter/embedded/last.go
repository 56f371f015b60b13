package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-server/parley"
)

// Latest implements parley.Index.
func (l *Log) Latest(ctx context.Context, channels ...parley.ChannelID) ([]*parley.Message, error) {
	all := make([]*parley.Message, len(channels))
	for i, channel := range channels {
		err := l.inside(ctx, func() error {
			h, err := l.hold(channel)
			if err != nil {
				return err
			}
			defer l.heads.release(h)
			all[i], err = l.lastMessage(h, h.bounds())
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("the last message of %s: %w", channel, err)
		}
	}
	return all, nil
}

// lastMessage returns the newest message that is not deleted, nil if there is none.
func (l *Log) lastMessage(h *head, b bounds) (*parley.Message, error) {
	id := b.last
	for range parley.LatestLooked {
		m, err := l.lastBefore(h, b, id)
		if errors.Is(err, pebble.ErrNotFound) {
			return nil, nil // trimmed in the meantime
		}
		if m == nil || err != nil || !m.Deleted {
			return m, err
		}
		id = m.ID - 1
	}
	return nil, nil
}

// lastBefore returns the newest message up to an id, skipping changes. The message is the first
// entry with its count, so few reads are needed however many changes follow it.
func (l *Log) lastBefore(h *head, b bounds, id int64) (*parley.Message, error) {
	if id < b.first {
		return nil, nil
	}
	m, err := l.get(h, id)
	if err != nil || m.Change == "" {
		return &m, err
	}
	if m.Count == b.before {
		return nil, nil
	}
	low, high := b.first-1, id // low: an entry before the message; high: a change after it
	for step := int64(1); ; step *= 2 {
		at := max(high-step, low)
		if at == low {
			break
		}
		e, err := l.get(h, at)
		if err != nil {
			return nil, err
		}
		if e.Count < m.Count {
			low = at
			break
		}
		high = at
	}
	for high-low > 1 {
		at := low + (high-low)/2
		e, err := l.get(h, at)
		if err != nil {
			return nil, err
		}
		if e.Count < m.Count {
			low = at
		} else {
			high = at
		}
	}
	m, err = l.get(h, high)
	return &m, err
}
