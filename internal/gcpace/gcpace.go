// Package gcpace keeps an idle process small. By default the heap may grow to twice its live size
// before a collection, which is right under load but wasteful for a hundred thousand quiet
// connections. The cost of collecting depends on the allocation rate and on the growth allowed between
// collections, and hardly on the live size; so the lower the rate, the less growth is allowed.
//
// Under load the number of collections matters: each delays everything a little. Large allocations
// leave no fragmentation behind when they are collected, so the heap may grow more while there are
// many of them.
package gcpace

import (
	"context"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	every = 2 * time.Second
	least = 2  // percent: the smallest GOGC
	most  = 50 // percent: the largest GOGC, unless room or largest allow more
	grown = 32 // percent per MiB/s allocated: about 1/300 of a core goes into collecting

	// The heap may always grow by this many bytes under load: each collection has a fixed cost,
	// even if little is live.
	room     = 4 << 20
	largest  = 64 << 20 // with large allocations
	perPiece = 4        // collections per second that large allocations may cause
)

// Run adjusts GOGC until ctx ends. If GOGC is set in the environment, it changes nothing.
func Run(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	defer debug.SetGCPercent(100)
	percent := 100
	collections := watch(ctx)
	tick := time.NewTicker(every)
	defer tick.Stop()
	lately, justNow := newMeter(), newMeter()
	for {
		want := percent
		select {
		case <-ctx.Done():
			return nil
		case <-collections: // a burst may have begun; do not wait for the tick
			if r, ok := justNow.rates(); ok {
				scanned := scanned()
				want = max(pace(r, scanned), min(percent, limit(r, scanned)))
			}
		case <-tick.C:
			if r, ok := lately.rates(); ok {
				want = pace(r, scanned())
			}
		}
		if differ(want, percent) {
			percent = want
			debug.SetGCPercent(percent)
		}
	}
}

// rates are in bytes per second.
type rates struct {
	all   float64 // all allocations
	large float64 // allocations of more than 32 KiB
}

// marked is what the last collection scanned, in bytes: the live heap, and stacks and globals. GOGC
// is a percentage of both, although only the heap grows.
type marked struct{ live, others float64 }

// pace returns the GOGC for a rate of allocation.
func pace(r rates, m marked) int {
	return min(max(int(grown*r.all/(1<<20)), least), limit(r, m))
}

// limit returns the largest GOGC that pace may choose.
func limit(r rates, m marked) int {
	growth := max(most*m.live, 100*min(room+r.large/perPiece, largest))
	return max(int(growth/max(m.live+m.others, 1<<20)), least)
}

// differ reports whether a change from a to b is worth stopping the process for a moment.
func differ(a, b int) bool { return 3*a <= 2*b || 2*a >= 3*b }

// meter measures the rates of allocation between two calls of look.
type meter struct {
	sample     [2]metrics.Sample
	all, small float64
	at         time.Time
}

func newMeter() *meter {
	m := &meter{sample: [...]metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/allocs-by-size:bytes"}}}
	m.look()
	return m
}

func (m *meter) look() {
	m.at = time.Now()
	metrics.Read(m.sample[:])
	m.all, m.small = float64(m.sample[0].Value.Uint64()), 0
	sizes := m.sample[1].Value.Float64Histogram()
	for i, count := range sizes.Counts {
		if above := sizes.Buckets[i+1]; !math.IsInf(above, 1) { // one more than the largest allocation counted here
			m.small += float64(count) * (above - 1)
		}
	}
}

// rates returns the rates since the last look; ok is false if that was just now.
func (m *meter) rates() (r rates, ok bool) {
	passed := time.Since(m.at).Seconds()
	if passed < 0.01 {
		return r, false
	}
	all, small := m.all, m.small
	m.look()
	r.all = (m.all - all) / passed
	r.large = max(r.all-(m.small-small)/passed, 0)
	return r, true
}

// scanned returns the live heap found by the last collection, and the size of stacks and globals.
func scanned() marked {
	sample := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(sample[:])
	return marked{float64(sample[0].Value.Uint64()), float64(sample[1].Value.Uint64() + sample[2].Value.Uint64())}
}

// watch reports collections until ctx ends: each finds an unreachable object, whose finalizer
// re-arms itself for the next collection.
func watch(ctx context.Context) <-chan struct{} {
	collections := make(chan struct{}, 1)
	var again func(*[]byte)
	again = func(unneeded *[]byte) {
		select {
		case collections <- struct{}{}:
		default:
		}
		if ctx.Err() == nil {
			runtime.SetFinalizer(unneeded, again)
		}
	}
	runtime.SetFinalizer(new([]byte), again)
	return collections
}
