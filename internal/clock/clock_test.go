package clock_test

import (
	"testing"
	"time"

	"parley/internal/clock"
)

func TestJumpMovesTheTimeButNotWhatPassed(t *testing.T) {
	for _, jump := range []time.Duration{time.Hour, -time.Hour} {
		j := clock.NewJumping()
		before := j.Now()
		steady, earlier := clock.Steady(j.Now), clock.Earlier(j.Now)
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
		if got := earlier().UnixNano() - before.UnixNano(); got != int64(min(jump, 0)+time.Minute) {
			t.Errorf("jump of %v: the earlier clock moved by %v", jump, time.Duration(got))
		}
	}
}
