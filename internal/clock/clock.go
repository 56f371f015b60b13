// Package clock has clocks that do not follow jumps of the system's clock, and a clock for tests
// that jumps.
package clock

import (
	"sync"
	"time"
)

// Steady returns a clock that starts at now's time and then counts the time that really passes,
// according to now's monotonic readings: setting the system's clock does not move it.
func Steady(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	begin := now()
	return func() time.Time { return begin.Add(now().Sub(begin)) }
}

// Patient returns a clock for deletions by age, which must not happen early. It starts at begin (if
// zero: at now's time), follows the system's clock back immediately, but forward only as fast as
// time passes, since a clock that is ahead may be wrong:
//
//	with the system's clock ──that is ahead──▶ its own ──ahead by as much for wait──▶ with the system's clock
//
// So a correct clock that is ahead, because no clock ran for a while, is trusted in the end.
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
	var at, since, gap time.Duration // own was right at at; the system's clock is ahead by gap since since (0: it is not)
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
		case since == 0 || (ahead-gap).Abs() > time.Minute: // it is ahead for the first time, or jumped again
			since, gap = max(passed, 1), ahead
		case passed-since >= wait:
			own, at, since = t.Round(0), passed, 0
			return t
		}
		return mine
	}
}
