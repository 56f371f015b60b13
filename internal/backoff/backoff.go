// Package backoff determines how long to wait before retrying.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay is the pause before a retry, counted from 0: it doubles each time, up to 2 s, and is randomly shortened by up to
// half, so that nodes do not all retry at once.
func Delay(try int) time.Duration {
	d := min(50*time.Millisecond<<min(try, 6), 2*time.Second)
	return d/2 + rand.N(d/2)
}

// Wait waits before a retry, and reports whether ctx is still running.
func Wait(ctx context.Context, try int) bool {
	t := time.NewTimer(Delay(try))
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
