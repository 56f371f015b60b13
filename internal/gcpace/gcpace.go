// Package gcpace makes an idle process small. The collector lets the heap grow to
// twice what lives in it, which is right under load and wasteful for a hundred
// thousand quiet connections. What collecting costs follows from the rate at which
// memory is allocated and from how much it may grow in between, and hardly from how
// much lives; so the less is allocated, the less it may grow.
package gcpace

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	every = 2 * time.Second
	least = 2       // percent: the smallest GOGC
	most  = 100     // and the largest, but that
	room  = 4 << 20 // so many bytes are always to be had under load: a collection costs something however little lives
	grown = 4       // percent per MiB allocated a second: about a fortieth of a core goes into collecting
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
			if rate, ok := justNow.rate(); ok {
				want = max(pace(rate, live()), min(percent, limit(live())))
			}
		case <-tick.C:
			if rate, ok := lately.rate(); ok {
				want = pace(rate, live())
			}
		}
		if differ(want, percent) {
			percent = want
			debug.SetGCPercent(percent)
		}
	}
}

// pace is what GOGC should be while so many bytes are allocated a second and so many
// live.
func pace(rate float64, live uint64) int {
	return min(max(int(grown*rate/(1<<20)), least), limit(live))
}

// limit is the largest pace.
func limit(live uint64) int { return max(most, int(100*room/max(live, 1<<20))) }

// differ tells whether two paces are so different that a change is worth stopping the
// process for a moment.
func differ(a, b int) bool { return 3*a <= 2*b || 2*a >= 3*b }

// meter measures the rate of allocation from one look to the next.
type meter struct {
	bytes uint64
	at    time.Time
}

func newMeter() *meter { return &meter{read("/gc/heap/allocs:bytes"), time.Now()} }

// rate is in bytes a second; it is not ok if the last look was just now.
func (m *meter) rate() (rate float64, ok bool) {
	now := newMeter()
	passed := now.at.Sub(m.at)
	if passed < 10*time.Millisecond {
		return 0, false
	}
	rate = float64(now.bytes-m.bytes) / passed.Seconds()
	*m = *now
	return rate, true
}

// live is what the last collection found alive.
func live() uint64 { return read("/gc/heap/live:bytes") }

func read(metric string) uint64 {
	sample := [...]metrics.Sample{{Name: metric}}
	metrics.Read(sample[:])
	return sample[0].Value.Uint64()
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
