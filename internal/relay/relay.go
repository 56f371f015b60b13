// Package relay has the two queues of a node's connection to a bus, between goroutines that must not block: what arrived
// and the handler has not taken yet, and the joins and leaves that wait for the broker. It speaks to no broker.
package relay

import (
	"context"
	"sync"

	"github.com/parley-server/parley"
)

const (
	maxWaiting     = 8192 // arrivals of a node that does not keep up; what comes then is lost
	maxWaitingSize = 32 << 20
)

// Arrivals are what a bus has received and its handler has not taken.
type Arrivals[T any] struct {
	wake chan struct{} // holds a token if something waits

	mu      sync.Mutex
	waiting []T
	size    int // of waiting, in bytes
	lost    bool
}

// NewArrivals returns a queue in which nothing waits.
func NewArrivals[T any]() *Arrivals[T] { return &Arrivals[T]{wake: make(chan struct{}, 1)} }

// Put adds what arrived, of a size in bytes. It does not block: where the queue is full, v is lost.
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

// Lose notes that something was lost.
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

// Run gives what arrives to deliver, in order, and calls lost first if something was lost, until ctx ends.
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

// Done says that the broker has confirmed the call.
func (c *Call) Done() { close(c.done) }

// Calls are the joins and leaves that wait.
type Calls struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting []Call
}

// NewCalls returns a queue in which nothing waits.
func NewCalls() *Calls { return &Calls{wake: make(chan struct{}, 1)} }

// Put has a call wait, and returns what is closed when it is done.
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

// Wake has a token if something waits.
func (c *Calls) Wake() <-chan struct{} { return c.wake }

// Take returns the calls that wait, in their order.
func (c *Calls) Take() (calls []Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls, c.waiting = c.waiting, nil
	return calls
}
