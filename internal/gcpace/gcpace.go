// Package gcpace makes an idle process small. The collector lets the heap grow to
// twice what lives in it, which is right under load and wasteful for a hundred
// thousand quiet connections. What collecting costs follows from the rate at which
// memory is allocated and from how much it may grow in between, and hardly from how
// much lives; so the less is allocated, the less it may grow.
//
// Under load it is the number of collections that hurts: all wait for them a little. What
// was allocated in large pieces leaves no holes behind when it is collected, so while much
// is, the heap may grow by more.
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
	most  = 50 // and the largest, but that
	grown = 32 // percent per MiB allocated a second: about a three-hundredth of a core goes into collecting

	// So many bytes are always to be had under load: a collection costs something however
	// little lives.
	room     = 4 << 20
	largest  = 64 << 20 // with large pieces
	perPiece = 4        // so often a second it is the large pieces that make it collect
)

// Run follows the process until ctx ends. With GOGC in the environment it leaves the
// pace to whoever set it.
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
		case <-collections: // a burst may have begun, and is not to wait for the tick
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

// rates are in bytes a second.
type rates struct {
	all   float64 // that was allocated
	large float64 // of it, in pieces of more than 32 KiB
}

// marked is what the last collection looked at, in bytes. GOGC is a part of all of it, also
// of what does not grow by it.
type marked struct{ live, others float64 }

// pace is what GOGC should be while so much is allocated.
func pace(r rates, m marked) int {
	return min(max(int(grown*r.all/(1<<20)), least), limit(r, m))
}

// limit is the largest pace.
func limit(r rates, m marked) int {
	growth := max(most*m.live, 100*min(room+r.large/perPiece, largest))
	return max(int(growth/max(m.live+m.others, 1<<20)), least)
}

// differ reports whether two paces are so different that a change is worth stopping the
// process for a moment.
func differ(a, b int) bool { return 3*a <= 2*b || 2*a >= 3*b }

// meter measures the rates of allocation from one look to the next.
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
		if above := sizes.Buckets[i+1]; !math.IsInf(above, 1) { // one more than the size of the pieces
			m.small += float64(count) * (above - 1)
		}
	}
}

// rates are not ok if the last look was just now.
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

// scanned is what the last collection found alive, and the stacks and globals.
func scanned() marked {
	sample := [...]metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(sample[:])
	return marked{float64(sample[0].Value.Uint64()), float64(sample[1].Value.Uint64() + sample[2].Value.Uint64())}
}

// watch tells of collections until ctx ends: each finds an object that nobody needs,
// whose finalizer puts it back for the next.
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
