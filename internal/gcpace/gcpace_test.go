package gcpace

import (
	"runtime"
	"testing"
	"time"
)

func TestPaceFollowsTheAllocationRate(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		rate, large, live, others float64
		want                      int
	}{
		{0, 0, 0, 0, 2}, {mib / 20, 0, 100 * mib, 0, 2}, {mib, 0, 100 * mib, 0, 32}, {10 * mib, 0, mib, 0, 320}, {50 * mib, 0, 100 * mib, 0, 50},
		{500 * mib, 0, 2 * mib, 0, 200}, {500 * mib, 0, 0, 0, 400}, {5 * mib, 0, 0, 0, 160},
		{500 * mib, 40 * mib, 2 * mib, 0, 700}, {500 * mib, 500 * mib, 8 * mib, 0, 800}, {500 * mib, 500 * mib, 100 * mib, 0,
			64}, {10 * mib, 10 * mib, mib, 0, 320},
		{500 * mib, 0, 20 * mib, 30 * mib, 20}, {500 * mib, 0, 2 * mib, 2 * mib, 100}, {500 * mib, 0, mib, 1000 * mib, 2},
	} {
		if got := pace(rates{c.rate, c.large}, marked{c.live, c.others}); got != c.want {
			t.Errorf("%.1f MiB/s, %.1f of it in large pieces, %.0f MiB live and %.0f others: %d, want %d", c.rate/mib, c.large/mib,
				c.live/mib, c.others/mib, got, c.want)
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

func TestLargeAllocationsAreCountedSeparately(t *testing.T) {
	m := newMeter()
	m.at = m.at.Add(-time.Second)
	keep := make([][]byte, 0, 1100)
	for range 100 {
		keep = append(keep, make([]byte, 1<<20))
	}
	for range 1000 {
		keep = append(keep, make([]byte, 10<<10))
	}
	r, ok := m.rates()
	if all, large := 110.0, 100.0; !ok || r.large/r.all < 0.9*large/all || r.large/r.all > 1.01*large/all {
		t.Errorf("%.0f of %.0f in large pieces, want %.0f of %.0f", r.large, r.all, large, all)
	}
	m.at = time.Now().Add(time.Hour)
	if _, ok := m.rates(); ok {
		t.Error("no time has passed")
	}
	runtime.KeepAlive(keep)
}
