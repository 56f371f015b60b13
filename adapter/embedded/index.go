package embedded

import (
	"context"
	"fmt"

	"parley"
)

// What follows from entries is a part of the batch that stores them.

// Project implements parley.Index. There is nothing to do.
func (l *Log) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) (facts []parley.Fact, err error) {
	err = l.inside(ctx, func() error {
		if run.Epoch != l.epoch {
			return parley.ErrEpoch
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", channel, err)
	}
	return nil, nil
}

// Position implements parley.Index: it is the head.
func (l *Log) Position(ctx context.Context, channels ...parley.ChannelID) ([]int64, error) {
	bs, err := l.Bounds(ctx, channels...)
	if err != nil {
		return nil, err
	}
	at := make([]int64, len(bs))
	for i := range bs {
		at[i] = bs[i].Last
	}
	return at, nil
}
