package presence

import (
	"context"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

// tellEvery is how often a tracker's work is looked at while there is some.
const tellEvery = 100 * time.Millisecond

// work wakes the callers of Next, NextMissed and Changed.
type work struct{ next, missed, changed *clock.OnDemand }

func newWork() work {
	return work{clock.NewOnDemand(tellEvery, 0), clock.NewOnDemand(tellEvery, 0), clock.NewOnDemand(tellEvery, 0)}
}

// AwaitNext waits until Next should be called, as often as there is something to send, and reports whether that was before ctx
// ended. One goroutine at a time may call it, here and below.
func (t *Tracker) AwaitNext(ctx context.Context) bool { return t.work.next.Wait(ctx, t.hasNext) }

// AwaitMissed is AwaitNext for Keeper.NextMissed.
func (t *Tracker) AwaitMissed(ctx context.Context) bool { return t.work.missed.Wait(ctx, t.hasMissed) }

// AwaitChanged is AwaitNext for Changed.
func (t *Tracker) AwaitChanged(ctx context.Context) bool {
	return t.work.changed.Wait(ctx, t.hasChanged)
}

// hasNext reports whether Next returns something now or later, or its time is needed to ask about a move.
func (t *Tracker) hasNext() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.leases)+len(t.news.queue)+len(t.log.moved)+len(t.log.moves) > 0
}

func (t *Tracker) hasMissed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.log.missed) > 0
}

func (t *Tracker) hasChanged() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.watches.queue) > 0
}
