package mem

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/parley-server/parley"
)

// Failure is how a write of a Handle fails.
type Failure int

// The failures.
const (
	Refused    Failure = iota // ErrUnavailable: nothing is stored
	Unstored                  // ErrUnknown: nothing is stored
	Unanswered                // ErrUnknown: it is stored, but the response is lost
)

// errUnanswered means that the call is made but its outcome is not reported.
var errUnanswered = errors.New("unanswered")

// faults are the faults that a test has set on a handle.
type faults struct {
	mu      sync.Mutex
	closed  bool
	stalled chan struct{} // closed when calls may continue; nil: they may
	writes  []Failure     // failures of the next writes
	reads   int           // the number of next reads that fail
}

// Stall makes the calls of the handle wait until resume is called. A call whose context ends first
// is not made, but for a write the caller does not learn that.
func (f *faults) Stall() (resume func()) {
	stalled := make(chan struct{})
	f.mu.Lock()
	f.stalled = stalled
	f.mu.Unlock()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.stalled == stalled {
			f.stalled = nil
			close(stalled)
		}
	}
}

// Fail makes the next writes of the handle fail, each in its way.
func (f *faults) Fail(how ...Failure) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, how...)
}

// FailReads makes the next n reads of the handle fail with ErrUnavailable.
func (f *faults) FailReads(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads += n
}

func (f *faults) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// admit waits while the handle is stalled, and returns the fault of the call.
func (f *faults) admit(ctx context.Context, write bool) error {
	ended := func() error {
		if write {
			return fmt.Errorf("%w: %w", parley.ErrUnknown, context.Cause(ctx))
		}
		return context.Cause(ctx)
	}
	for {
		if ctx.Err() != nil {
			return ended()
		}
		f.mu.Lock()
		stalled := f.stalled
		if stalled == nil {
			defer f.mu.Unlock()
			return f.nextLocked(write)
		}
		f.mu.Unlock()
		select {
		case <-stalled:
		case <-ctx.Done():
			return ended()
		}
	}
}

func (f *faults) nextLocked(write bool) error {
	switch {
	case f.closed:
		return parley.ErrClosed
	case !write && f.reads > 0:
		f.reads--
		return parley.ErrUnavailable
	case !write || len(f.writes) == 0:
		return nil
	}
	how := f.writes[0]
	f.writes = f.writes[1:]
	switch how {
	case Refused:
		return parley.ErrUnavailable
	case Unstored:
		return fmt.Errorf("%w: the call was lost", parley.ErrUnknown)
	default:
		return errUnanswered
	}
}
