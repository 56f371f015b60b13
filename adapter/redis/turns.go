package redis

import (
	"context"
	"sync"

	"parley"
)

// turns let one batch of a channel be on its way at a time: a later number makes an earlier batch void.
type turns struct {
	mu sync.Mutex
	of map[parley.ChannelID]*turn
}

type turn struct {
	free  chan struct{} // holds a token while it is nobody's turn
	users int           // who have it or wait for it
}

// take waits until it is the caller's turn, who ends it by give.
func (t *turns) take(ctx context.Context, channel parley.ChannelID) (give func(), err error) {
	t.mu.Lock()
	one := t.of[channel]
	if one == nil {
		one = &turn{free: make(chan struct{}, 1)}
		one.free <- struct{}{}
		t.of[channel] = one
	}
	one.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if one.users--; one.users == 0 {
			delete(t.of, channel)
		}
	}
	select {
	case <-one.free:
		return func() { one.free <- struct{}{}; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, context.Cause(ctx)
	}
}
