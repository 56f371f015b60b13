package door

import (
	"context"
	"fmt"
	samples "runtime/metrics"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// shedAt is the part of the memory limit above which no new streams are accepted.
const shedAt = 0.9

// Refusal returns the reason why no further stream is accepted now, or nil.
func (d *Door) Refusal(streams int) *parley.Error {
	refuse := func(reason, detail string) *parley.Error {
		return &parley.Error{Code: parley.CodeOverloaded, Reason: reason, RetryAfter: 5 * time.Second, Detail: detail,
			Hint: "retry after the time in Retry-After"}
	}
	switch {
	case d.cfg.MaxStreams > 0 && streams >= d.cfg.MaxStreams:
		return refuse("connections", fmt.Sprintf("the server has reached its limit of %d connections", d.cfg.MaxStreams))
	case d.short.Load():
		return refuse("memory", "the server is short of memory")
	}
	return nil
}

// Run watches the memory until ctx ends.
func (d *Door) Run(ctx context.Context) error {
	if d.cfg.MemoryLimit == 0 {
		return nil
	}
	sample := []samples.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	tick := clock.NewPulse(250 * time.Millisecond)
	defer tick.Stop()
	for {
		samples.Read(sample)
		used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
		d.short.Store(float64(used) > shedAt*float64(d.cfg.MemoryLimit))
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			tick.Again()
		}
	}
}
