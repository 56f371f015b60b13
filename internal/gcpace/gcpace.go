// Package gcpace makes an idle process small. The collector lets the heap grow to
// twice what lives in it, which is right under load and wasteful for a hundred
// thousand quiet connections. While little is allocated, collecting at a tenth of
// growth costs next to nothing, so the pace follows the rate of allocation.
package gcpace

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	every = 2 * time.Second
	calm  = 4 << 20 // bytes allocated per second below which a process is idle
	small = 10      // GOGC then
	usual = 100     // GOGC else
)

// Run follows the process until ctx ends. With GOGC in the environment it leaves the
// pace to whoever set it.
func Run(ctx context.Context) error {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	defer debug.SetGCPercent(usual)
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	allocated := func() uint64 { metrics.Read(sample); return sample[0].Value.Uint64() }
	percent, last := usual, allocated()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := allocated()
		if want := pace(now-last, percent); want != percent {
			percent = want
			debug.SetGCPercent(percent)
		}
		last = now
	}
}

// pace is what GOGC should be, given the bytes allocated since the last look. It
// returns to the usual only well above the rate at which it left it.
func pace(bytes uint64, percent int) int {
	switch perSecond := bytes / uint64(every/time.Second); {
	case perSecond < calm:
		return small
	case perSecond > 2*calm:
		return usual
	}
	return percent
}
