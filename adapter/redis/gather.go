package redis

import (
	"context"
	"sync"

	"github.com/parley-server/parley"
)

// gather combines reads of one channel each. While a call is in flight the channels of all later reads collect, and the next call
// takes them, so that a thousand sessions that begin at the same time need few calls. Each read begins after it was asked for.
type gather[T any] struct {
	read func(ctx context.Context, channels ...parley.ChannelID) ([]T, error) // fixed

	mu   sync.Mutex
	busy bool      // a call is in flight
	next *round[T] // of the next call; nil for none
}

// round is one call for many reads.
type round[T any] struct {
	channels []parley.ChannelID
	place    map[parley.ChannelID]int // in channels

	// set before done is closed
	done    chan struct{}
	results []T
	err     error
}

// of reads a channel. The end of ctx ends only the waiting for a call that others share.
func (g *gather[T]) of(ctx context.Context, channel parley.ChannelID) (result T, err error) {
	g.mu.Lock()
	if !g.busy {
		g.busy = true
		g.mu.Unlock()
		defer g.continued()
		results, err := g.read(ctx, channel)
		if err != nil {
			return result, err
		}
		return results[0], nil
	}
	r := g.next
	if r == nil {
		r = &round[T]{place: map[parley.ChannelID]int{}, done: make(chan struct{})}
		g.next = r
	}
	at, known := r.place[channel]
	if !known {
		at = len(r.channels)
		r.place[channel] = at
		r.channels = append(r.channels, channel)
	}
	g.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		return result, context.Cause(ctx)
	}
	if r.err != nil {
		return result, r.err
	}
	return r.results[at], nil
}

// continued makes the next call, if anybody waits for it.
func (g *gather[T]) continued() {
	g.mu.Lock()
	defer g.mu.Unlock()
	r := g.next
	g.next, g.busy = nil, r != nil
	if r == nil {
		return
	}
	go func() {
		defer g.continued()
		r.results, r.err = g.read(context.Background(), r.channels...)
		close(r.done)
	}()
}
