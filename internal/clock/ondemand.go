package clock

import (
	"context"
	"time"
)

// OnDemand ticks at the same moments as a Pulse, but only while there is work, so that a part without work does not wake the
// process up:
//
//	asleep ──Need──▶ ticking ──a tick after which nothing is pending──▶ asleep
//
// Work belongs to a list with a lock. Need is called with that lock held or after it was released, and pending takes it: so work
// that pending does not see is followed by a Need that Wait sees. A tick comes no later than that of a Pulse would.
type OnDemand struct {
	period time.Duration
	rest   time.Duration  // it also ticks at multiples of this without work; 0: it does not
	needed chan time.Time // holds the time of the first Need since the last tick, if there was one

	// owned by the caller of Wait
	timer *time.Timer
	last  time.Time // when it ticked last, or began
}

// NewOnDemand returns one that is asleep. If rest is not 0, it is a multiple of period, and ticks come at multiples of rest even
// without work.
func NewOnDemand(period, rest time.Duration) *OnDemand {
	return &OnDemand{period: period, rest: rest, needed: make(chan time.Time, 1)}
}

// Need notes that there is work. It may be called from any goroutine and with locks held: it never blocks.
func (o *OnDemand) Need() {
	if len(o.needed) > 0 {
		return
	}
	select {
	case o.needed <- time.Now():
	default:
	}
}

// Wait waits for a tick and reports whether one came before ctx ended. pending reports whether there is work. One goroutine at a
// time may call it.
func (o *OnDemand) Wait(ctx context.Context, pending func() bool) bool {
	if o.timer == nil {
		o.last = time.Now()
		o.timer = time.NewTimer(0)
	}
	since := o.last
	if !pending() {
		var rested <-chan time.Time
		if o.rest > 0 {
			rested = o.next(o.last, o.rest)
		}
		select {
		case since = <-o.needed:
		case <-rested:
			return o.ticked()
		case <-ctx.Done():
			return false
		}
	}
	select {
	case <-o.next(since, o.period):
		return o.ticked()
	case <-ctx.Done():
		return false
	}
}

// next schedules the first multiple of a period after since, which may have passed already.
func (o *OnDemand) next(since time.Time, period time.Duration) <-chan time.Time {
	o.timer.Reset(untilNext(since, period) - time.Since(since))
	return o.timer.C
}

// ticked forgets the Need, since the caller of Wait looks at all work now.
func (o *OnDemand) ticked() bool {
	o.last = time.Now()
	select {
	case <-o.needed:
	default:
	}
	return true
}
