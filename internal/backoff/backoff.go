// Package backoff says how long to wait before something that failed is tried again.
package backoff

import (
	"context"
	"math/rand/v2"
	"time"
)

// Delay is the pause before a try, counted from 0: twice as long each time, up to 2 s, and at random from half of it on,
// so that not all nodes try at once.
func Delay(try int) time.Duration {
	d := min(50*time.Millisecond<<min(try, 6), 2*time.Second)
	return d/2 + rand.N(d/2)
}

// Wait waits before a try, and reports whether ctx is still running.
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
