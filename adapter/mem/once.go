package mem

import (
	"context"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// Once implements parley.Once.
type Once struct {
	clock func() time.Time // fixed after construction

	mu    sync.Mutex
	until map[string]time.Time
	sweep int // the number of keys at which expired ones are removed
}

var _ parley.Once = (*Once)(nil)

// minOnce is the number of keys below which a sweep is not worthwhile.
const minOnce = 1024

// NewOnce creates a Once without keys; clock may be nil.
func NewOnce(clock func() time.Time) *Once {
	if clock == nil {
		clock = time.Now
	}
	return &Once{clock: clock, until: map[string]time.Time{}, sweep: minOnce}
}

// First implements parley.Once.
func (o *Once) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.clock()
	if until, used := o.until[key]; used && now.Before(until) {
		return false, nil
	}
	o.until[key] = now.Add(ttl)
	if len(o.until) > o.sweep {
		for k, until := range o.until {
			if !now.Before(until) {
				delete(o.until, k)
			}
		}
		o.sweep = max(2*len(o.until), minOnce)
	}
	return true, nil
}
