package clock_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

func TestPulsesTickTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(123456789)
		short := clock.NewPulse(50 * time.Millisecond)
		time.Sleep(7 * time.Millisecond)
		long := clock.NewPulse(200 * time.Millisecond)
		defer short.Stop()
		defer long.Stop()
		ctx, cancel := context.WithCancel(t.Context())
		for range 3 {
			if !long.Wait(ctx) {
				t.Fatal("no tick")
			}
			at := time.Now()
			last := at
			for range 4 { // the tick due at the same moment is the last one skipped
				if !short.Wait(ctx) {
					t.Fatal("no tick")
				}
				last = time.Now()
			}
			if d := last.Sub(at) % (50 * time.Millisecond); d != 0 {
				t.Errorf("they are %v apart", d)
			}
		}
		begin := time.Now()
		time.Sleep(time.Second) // slow work
		if short.Wait(ctx); time.Now() != begin.Add(time.Second) {
			t.Error("a tick that was due waits")
		}
		if short.Wait(ctx); time.Since(begin) > time.Second+50*time.Millisecond {
			t.Errorf("the next comes after %v", time.Since(begin))
		}
		cancel()
		ticks := 0
		for long.Wait(ctx) {
			ticks++
		}
		if ticks > 1 {
			t.Errorf("%d ticks after the end", ticks)
		}
	})
}
