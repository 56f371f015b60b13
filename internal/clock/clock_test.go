package clock_test

import (
	"testing"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

func TestJumpMovesTheTimeButNotDurations(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		j := clock.NewJumping()
		before := j.Now()
		steady, patient := clock.Steady(j.Now), clock.Patient(j.Now, time.Time{}, time.Hour)
		j.Jump(jump)
		j.Advance(time.Minute)
		now := j.Now()
		if got := now.Sub(before); got != time.Minute {
			t.Errorf("jump of %v: %v passed, want a minute", jump, got)
		}
		if got := now.UnixNano() - before.UnixNano(); got != int64(jump+time.Minute) {
			t.Errorf("jump of %v: the time moved by %v", jump, time.Duration(got))
		}
		if got := steady().UnixNano() - before.UnixNano(); got != int64(time.Minute) {
			t.Errorf("jump of %v: the steady clock moved by %v", jump, time.Duration(got))
		}
		if got := patient().UnixNano() - before.UnixNano(); got != int64(min(jump, 0)+time.Minute) {
			t.Errorf("jump of %v: the patient clock moved by %v", jump, time.Duration(got))
		}
	}
}

// A clock that is ahead is trusted only after it has been ahead for long enough; one that is
// behind, immediately.
func TestPatient(t *testing.T) {
	j := clock.NewJumping()
	begin := j.Now().Add(-2 * time.Hour) // no clock ran for two hours
	patient := clock.Patient(j.Now, begin, time.Hour)
	expect := func(want time.Duration, when string) {
		t.Helper()
		if got := patient().Sub(begin.Round(0)).Round(time.Second); got != want {
			t.Errorf("%s it is at %v, want %v", when, got, want)
		}
	}
	expect(0, "at first")
	j.Advance(59 * time.Minute)
	expect(59*time.Minute, "before the hour")
	j.Jump(time.Hour)
	expect(59*time.Minute, "after another jump")
	j.Advance(59 * time.Minute)
	expect(118*time.Minute, "an hour after the first")
	j.Jump(-4 * time.Hour)
	expect(58*time.Minute, "set back") // -4 h +1 h +2 h and the time passed
	j.Jump(3 * time.Hour)
	expect(118*time.Minute, "set right")
	j.Advance(59 * time.Minute)
	expect(177*time.Minute, "while it waits")
	j.Advance(time.Minute)
	expect(298*time.Minute, "believed")
	j.Jump(time.Hour)
	expect(298*time.Minute, "and again")
}
