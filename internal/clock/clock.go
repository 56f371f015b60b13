// Package clock has clocks that do not follow jumps of the system's clock, and one for
// tests that jumps. It measures nothing by itself.
package clock

import (
	"sync"
	"time"
)

// Steady is a clock that begins at now's time and from then on counts what really passes,
// as now's monotonic readings have it: setting the system's clock does not move it.
func Steady(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	begin := now()
	return func() time.Time { return begin.Add(now().Sub(begin)) }
}

// Patient is a clock for what is deleted by its age, which must not be early. It begins at a time
// (a zero one: now's), goes back with the system's clock at once, and forward only as fast as time
// passes, as a clock that is ahead may be wrong:
//
//	with the system's clock ──that is ahead──▶ its own ──ahead by as much for wait──▶ with the system's clock
//
// So a clock that is right all the same, after a time when nobody measured, is believed in the end.
func Patient(now func() time.Time, begin time.Time, wait time.Duration) func() time.Time {
	if now == nil {
		now = time.Now
	}
	first := now()
	if begin.IsZero() {
		begin = first
	}
	own := begin.Round(0) // without a monotonic reading
	var mu sync.Mutex
	var at, since, gap time.Duration // when own was right, since when the other is ahead (0: it is not), by how much
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		t := now()
		passed := t.Sub(first)
		mine := own.Add(passed - at)
		ahead := t.Round(0).Sub(mine)
		switch {
		case ahead <= 0:
			since = 0
			return t
		case since == 0 || (ahead-gap).Abs() > time.Minute: // it began, or jumped again
			since, gap = max(passed, 1), ahead
		case passed-since >= wait:
			own, at, since = t.Round(0), passed, 0
			return t
		}
		return mine
	}
}
