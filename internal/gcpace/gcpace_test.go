package gcpace

import (
	"runtime"
	"testing"
	"time"
)

func TestThePaceFollowsTheRateOfAllocation(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		rate float64
		live uint64
		want int
	}{
		{0, 0, 2}, {mib / 10, 100 * mib, 2}, {mib, 100 * mib, 4}, {10 * mib, mib, 40}, {50 * mib, 100 * mib, 100},
		{500 * mib, 2 * mib, 200}, {500 * mib, 0, 400}, {30 * mib, 0, 120},
	} {
		if got := pace(c.rate, c.live); got != c.want {
			t.Errorf("%.1f MiB/s, %d MiB live: %d, want %d", c.rate/mib, c.live/mib, got, c.want)
		}
	}
	if differ(10, 10) || differ(50, 60) || differ(60, 50) || !differ(100, 2) || !differ(2, 10) || !differ(2, 3) {
		t.Error("changes are made when they should not be")
	}
}

func TestEachCollectionIsNoticed(t *testing.T) {
	collections := watch(t.Context())
	for range 3 {
		runtime.GC()
		select {
		case <-collections:
		case <-time.After(10 * time.Second):
			t.Fatal("a collection was not noticed")
		}
	}
}
