package clock

import (
	"sync"
	"time"
	"unsafe"
)

// Jumping is a clock for tests. Its times have monotonic readings like those of time.Now, so a jump
// changes the times it shows but not the durations between them.
type Jumping struct {
	mu     sync.Mutex
	begin  time.Time
	passed time.Duration
	jumped time.Duration // whole seconds
}

// NewJumping returns a clock that stands still until Advance is called.
func NewJumping() *Jumping { return &Jumping{begin: time.Now()} }

// Now is like time.Now.
func (j *Jumping) Now() time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.begin.Add(j.passed)
	// The wall seconds are stored above 30 bits of nanoseconds (package time, type Time).
	*(*uint64)(unsafe.Pointer(&t)) += uint64(j.jumped/time.Second) << 30
	return t
}

// Advance lets time pass.
func (j *Jumping) Advance(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.passed += d
}

// Jump sets the clock forward or back by whole seconds, without any time passing.
func (j *Jumping) Jump(d time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.jumped += d.Truncate(time.Second)
}
