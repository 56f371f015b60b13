package door

import (
	"fmt"
	samples "runtime/metrics"
	"sync"
	"time"

	"github.com/parley-server/parley"
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
	case d.cfg.MemoryLimit > 0 && d.memory.isShort(d.cfg.MemoryLimit):
		return refuse("memory", "the server is short of memory")
	}
	return nil
}

// memory is what the process uses of its memory. It is read when a stream asks to be accepted, not in between.
type memory struct {
	mu    sync.Mutex
	at    time.Time // when it was read last
	short bool
}

// readEvery is how old the last reading may be.
const readEvery = 250 * time.Millisecond

// isShort reports whether the process uses too much of a limit in bytes.
func (m *memory) isShort(limit int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); now.Sub(m.at) >= readEvery {
		sample := []samples.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
		samples.Read(sample)
		used := sample[0].Value.Uint64() - sample[1].Value.Uint64()
		m.at, m.short = now, float64(used) > shedAt*float64(limit)
	}
	return m.short
}
