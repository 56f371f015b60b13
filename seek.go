package parley

import (
	"context"
	"errors"
	"fmt"
)

// SeekTime returns the cursor after which all kept messages of a channel are later than t, and
// before which none is. It reads the bounds once and then one message O(log n) times. The
// cursor carries the log's epoch.
func SeekTime(ctx context.Context, log Log, channel ChannelID, t Timestamp) (Cursor, error) {
	for {
		c, err := seekTime(ctx, log, channel, t)
		if errors.Is(err, ErrTrimmed) && ctx.Err() == nil {
			continue // the log was trimmed below the search; a smaller range is left
		}
		if err != nil {
			return Cursor{}, fmt.Errorf("seek %s in %s: %w", t, channel, err)
		}
		return c, nil
	}
}

func seekTime(ctx context.Context, log Log, channel ChannelID, t Timestamp) (Cursor, error) {
	bounds, err := log.Bounds(ctx, channel)
	if err != nil {
		return Cursor{}, err
	}
	b := bounds[0]
	c := Cursor{ID: b.Last, Epoch: b.Epoch}
	if b.Time <= t {
		return c, nil
	}
	// Ids up to low are not later than t (or not kept); those from high on are.
	low, high := min(b.First-1, b.Last), b.Last
	for high-low > 1 {
		mid := low + (high-low)/2
		run, err := log.Read(ctx, channel, Cursor{ID: mid - 1, Epoch: b.Epoch}, 1)
		if err != nil {
			return Cursor{}, err
		}
		if len(run.Entries) == 0 {
			return Cursor{}, fmt.Errorf("message %d is missing below the head", mid)
		}
		if run.Entries[0].Time <= t {
			low = mid
		} else {
			high = mid
		}
	}
	c.ID = low
	return c, nil
}
