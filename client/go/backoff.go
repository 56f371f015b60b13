package client

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff computes the waits between tries: full jitter over a bound that doubles from
// first to max. The first wait is therefore at most first.
type backoff struct {
	first, max time.Duration
	bound      time.Duration // of the next wait; 0 at the start
}

// next returns how long to wait, at least what the server asked for.
func (b *backoff) next(asked time.Duration) time.Duration {
	if b.bound == 0 {
		b.bound = b.first
	}
	d := time.Duration(rand.Int64N(int64(b.bound) + 1))
	b.bound = min(2*b.bound, b.max)
	return max(d, asked)
}

func (b *backoff) reset() { b.bound = 0 }

// wait returns nil after d, or ctx's error if ctx ends first.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
