// Package relay has the two queues of a node's connection to a bus, between goroutines that must not block: arrivals
// that the handler has not taken yet, and joins and leaves that wait for the broker. It does not communicate with a
// broker itself.
package relay

import (
	"context"
	"sync"

	"github.com/parley-server/parley"
)

const (
	maxWaiting     = 8192 // arrivals at a node that cannot keep up; further ones are lost
	maxWaitingSize = 32 << 20
)

// Arrivals are what a bus has received and its handler has not taken yet.
type Arrivals[T any] struct {
	wake chan struct{} // holds a token if something is waiting

	mu      sync.Mutex
	waiting []T
	size    int // of waiting, in bytes
	lost    bool
}

// NewArrivals returns an empty queue.
func NewArrivals[T any]() *Arrivals[T] { return &Arrivals[T]{wake: make(chan struct{}, 1)} }

// Put adds an arrival of the given size in bytes. It does not block: if the queue is full, v is lost.
func (a *Arrivals[T]) Put(v T, size int) {
	a.mu.Lock()
	if len(a.waiting) < maxWaiting && a.size < maxWaitingSize {
		a.waiting = append(a.waiting, v)
		a.size += size
	} else {
		a.lost = true
	}
	a.mu.Unlock()
	a.ring()
}

// Lose records that something was lost.
func (a *Arrivals[T]) Lose() {
	a.mu.Lock()
	a.lost = true
	a.mu.Unlock()
	a.ring()
}

func (a *Arrivals[T]) ring() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Run passes arrivals to deliver, in order, until ctx ends. It first calls lost if something was lost.
func (a *Arrivals[T]) Run(ctx context.Context, lost func(), deliver func(T)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.wake:
		}
		a.mu.Lock()
		waiting, some := a.waiting, a.lost
		a.waiting, a.size, a.lost = nil, 0, false
		a.mu.Unlock()
		if some {
			lost()
		}
		for _, v := range waiting {
			deliver(v)
		}
	}
}

// Call is a call of Join or Leave.
type Call struct {
	Channel parley.ChannelID
	Join    bool
	done    chan struct{}
}

// Done reports that the broker has confirmed the call.
func (c *Call) Done() { close(c.done) }

// Calls are the waiting joins and leaves.
type Calls struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting []Call
}

// NewCalls returns an empty queue.
func NewCalls() *Calls { return &Calls{wake: make(chan struct{}, 1)} }

// Put adds a call and returns a channel that is closed when the call is done.
func (c *Calls) Put(channel parley.ChannelID, join bool) (done <-chan struct{}) {
	d := make(chan struct{})
	c.mu.Lock()
	c.waiting = append(c.waiting, Call{channel, join, d})
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return d
}

// Wake has a token if something is waiting.
func (c *Calls) Wake() <-chan struct{} { return c.wake }

// Take returns the waiting calls, in order.
func (c *Calls) Take() (calls []Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, c.waiting = c.waiting, nil
	return calls
}
