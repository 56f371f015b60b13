package redis

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// outages are the servers that do not respond: on a Cluster the slots, else slot 0. A call without a response for so long
// that the server must be down begins an outage, in which calls fail at once. One goroutine probes until the server
// responds.
type outages struct {
	ending  chan struct{} // closed by Close
	probing sync.WaitGroup

	mu sync.Mutex
	of map[uint16]time.Time
}

const (
	awayAfter  = 2 * time.Second // without an answer
	probeFor   = time.Second     // a try
	probePause = 100 * time.Millisecond
)

// slotOf is the slot of a key as outages know it.
func (s *Store) slotOf(key string) uint16 {
	if !s.appends.alone {
		return 0
	}
	return slot(key)
}

// any reports whether a server is away.
func (o *outages) any() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.of) > 0
}

// refused returns the error for a call to a server that is down, or nil.
func (s *Store) refused(key string) error {
	s.outages.mu.Lock()
	defer s.outages.mu.Unlock()
	since, away := s.outages.of[s.slotOf(key)]
	if !away {
		return nil
	}
	return fmt.Errorf("%w: Redis has not answered since %s; it is asked all the time", parley.ErrUnavailable, since.Format(time.TimeOnly))
}

// answered notes the outcome of a call with a key that began at a time.
func (s *Store) answered(key string, began time.Time, err error) {
	if err == nil || time.Since(began) < awayAfter || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	o := &s.outages
	o.mu.Lock()
	defer o.mu.Unlock()
	at := s.slotOf(key)
	if _, known := o.of[at]; known {
		return
	}
	select {
	case <-o.ending:
		return
	default:
	}
	o.of[at] = began
	o.probing.Go(func() { s.probe(key, at) })
}

// probe tries until the server responds.
func (s *Store) probe(key string, at uint16) {
	o := &s.outages
	for answered := false; !answered; {
		ctx, cancel := context.WithTimeout(context.Background(), probeFor)
		answered = s.client.Do(ctx, s.client.B().Exists().Key(key).Build()).NonRedisError() == nil
		cancel()
		if answered {
			break
		}
		select {
		case <-time.After(probePause):
		case <-o.ending:
			answered = true
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.of, at)
}

// end ends an outage.
func (o *outages) end() {
	o.mu.Lock()
	close(o.ending)
	o.mu.Unlock()
	o.probing.Wait()
}
