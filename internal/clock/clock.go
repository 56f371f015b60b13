// Package clock has clocks that do not follow jumps of the system's clock, and one for
// tests that jumps. It measures nothing by itself.
package clock

import "time"

// Steady is a clock that begins at now's time and from then on counts what really passes,
// as now's monotonic readings have it: setting the system's clock does not move it.
func Steady(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	begin := now()
	return func() time.Time { return begin.Add(now().Sub(begin)) }
}

// Earlier is, of the system's time and the time that Steady has, the earlier. What is
// deleted by its age is compared with it, so that no jump of the clock makes it older.
func Earlier(now func() time.Time) func() time.Time {
	steady := Steady(now)
	if now == nil {
		now = time.Now
	}
	return func() time.Time {
		if a, b := now(), steady(); a.UnixNano() < b.UnixNano() {
			return a
		} else {
			return b
		}
	}
}
