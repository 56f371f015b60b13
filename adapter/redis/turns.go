package redis

import (
	"context"
	"slices"
	"sync"

	"github.com/parley-server/parley"
)

// turns let one batch of a channel be in flight at a time: a later number voids an earlier batch.
type turns struct {
	mu sync.Mutex
	of map[parley.ChannelID][]chan struct{} // whose turn it is is in it, with those who wait
}

// take waits for the caller's turn, which the caller ends with give.
func (t *turns) take(ctx context.Context, channel parley.ChannelID) error {
	t.mu.Lock()
	waiting, taken := t.of[channel]
	if !taken {
		t.of[channel] = nil
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.of[channel] = append(waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.of[channel], mine)
	if i >= 0 {
		t.of[channel] = slices.Delete(t.of[channel], i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // it has just come
		t.give(channel)
	}
	return context.Cause(ctx)
}

// give ends a turn.
func (t *turns) give(channel parley.ChannelID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	waiting := t.of[channel]
	if len(waiting) == 0 {
		delete(t.of, channel)
		return
	}
	close(waiting[0])
	t.of[channel] = waiting[1:]
}
