package parley

import (
	"context"
	"time"
)

// Once lets something happen once in the whole system: a ticket is redeemed, a job is started. All
// methods may be called concurrently, from all nodes.
type Once interface {
	// First returns true to one of all callers that name the same key within ttl of the first call,
	// by the store's clock, and false to the others. After an error no caller may act as the first:
	// the key may be used up. ttl is at least a second; keys are up to 128 bytes.
	First(ctx context.Context, key string, ttl time.Duration) (bool, error)
}
