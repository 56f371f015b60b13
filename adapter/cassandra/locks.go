package cassandra

import (
	"context"
	"sync"
)

// locks let one conditional write of this node run at a time per name: concurrent ones of the same node would only
// lose to each other.
type locks struct {
	mu sync.Mutex
	of map[string]*lock
}

type lock struct {
	users int           // the holder and the waiting callers; guarded by locks.mu
	token chan struct{} // holds a token while it is free
}

// take waits for the lock of a name, and returns the function that releases it.
func (l *locks) take(ctx context.Context, name string) (give func(), err error) {
	l.mu.Lock()
	k := l.of[name]
	if k == nil {
		k = &lock{token: make(chan struct{}, 1)}
		k.token <- struct{}{}
		l.of[name] = k
	}
	k.users++
	l.mu.Unlock()
	left := func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if k.users--; k.users == 0 {
			delete(l.of, name)
		}
	}
	select {
	case <-k.token:
		return func() { k.token <- struct{}{}; left() }, nil
	case <-ctx.Done():
		left()
		return nil, context.Cause(ctx)
	}
}
