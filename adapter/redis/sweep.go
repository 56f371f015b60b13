package redis

import (
	"context"
	"time"

	"github.com/parley-server/parley"
)

const (
	sweepEvery = time.Minute // how long expired entries may stay in a channel without calls
	sweepPage  = 200         // channels at a time
	sweepPause = 50 * time.Millisecond
)

// Run trims unused channels, until ctx ends; every call of a channel trims that channel. One node at a time does it.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		// A failed sweep is repeated a minute later.
		if first, err := s.First(ctx, "sweep", sweepEvery-time.Second); err == nil && first {
			_ = s.sweep(ctx)
		}
	}
}

// sweep trims all channels.
func (s *Store) sweep(ctx context.Context) error {
	for after := parley.ChannelID(""); ; {
		channels, err := s.Channels(ctx, after, sweepPage)
		if err != nil || len(channels) == 0 {
			return err
		}
		after = channels[len(channels)-1]
		for len(channels) > 0 { // those that were trimmed may have more
			before, err := s.Bounds(ctx, channels...)
			if err != nil {
				return err
			}
			is, err := s.Bounds(ctx, channels...)
			if err != nil {
				return err
			}
			channels = nil
			for i := range is {
				if is[i].First > before[i].First {
					channels = append(channels, is[i].Channel)
				}
			}
		}
		select {
		case <-time.After(sweepPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
