package backoff

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDelaysGrowUpToTwoSeconds(t *testing.T) {
	for try, most := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond} {
		for range 100 {
			if d := Delay(try); d < most/2 || d >= most {
				t.Fatalf("try %d waits %v", try, d)
			}
		}
	}
	if d := Delay(1 << 40); d < time.Second || d >= 2*time.Second {
		t.Errorf("a late try waits %v", d)
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if !Wait(t.Context(), 3) {
			t.Error("a wait that nothing ended was not waited for")
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if Wait(ctx, 3) {
			t.Error("an ended context is not reported")
		}
	})
}
