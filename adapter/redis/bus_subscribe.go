package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
)

// subscriptions are the channels that a node has joined, and the joins and leaves that wait.
type subscriptions struct {
	wake chan struct{} // holds a token if something waits

	mu      sync.Mutex
	joined  map[parley.ChannelID]struct{} // as of the last call that was taken
	waiting []subscription
}

// subscription is a call of Join or Leave.
type subscription struct {
	channel parley.ChannelID
	join    bool
	done    chan struct{} // closed when Redis has confirmed it
}

func newSubscriptions() subscriptions {
	return subscriptions{wake: make(chan struct{}, 1), joined: map[parley.ChannelID]struct{}{}}
}

// put queues a call, and returns a channel that is closed when it is done.
func (s *subscriptions) put(channel parley.ChannelID, join bool) (done <-chan struct{}) {
	d := make(chan struct{})
	s.mu.Lock()
	s.waiting = append(s.waiting, subscription{channel, join, d})
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return d
}

// take returns the waiting calls.
func (s *subscriptions) take() []subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	calls := s.waiting
	s.waiting = nil
	for _, c := range calls {
		if c.join {
			s.joined[c.channel] = struct{}{}
		} else {
			delete(s.joined, c.channel)
		}
	}
	return calls
}

// in returns the channels of a partition that are joined.
func (s *subscriptions) in(partition int, sharded bool) (channels []parley.ChannelID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for channel := range s.joined {
		if !sharded || partitionOf(channel) == partition {
			channels = append(channels, channel)
		}
	}
	return channels
}

// has reports whether a channel is joined.
func (s *subscriptions) has(channel parley.ChannelID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.joined[channel]
	return ok
}

// connect keeps the bus connected and subscribed until ctx ends. After a connection broke or a slot has moved, all channels
// are joined again, and the bus reports that it may have lost envelopes.
func (b *Bus) connect(ctx context.Context) {
	l := links{bus: b, at: map[string]*link{}}
	defer func() {
		l.close()
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.client != nil {
			b.client.Close()
		}
	}()
	var calls []subscription // taken, not confirmed
	tried := false
	for failures := 0; ctx.Err() == nil; {
		client, err := b.dialed(ctx)
		b.trouble.Set(err)
		if !tried {
			tried = true
			close(b.tried)
		}
		if err == nil {
			calls = append(calls, b.joins.take()...)
			calls, err = l.subscribe(ctx, client, calls)
		}
		if err != nil {
			backoff.Wait(ctx, failures)
			failures++
			continue
		}
		failures = 0
		select {
		case <-b.joins.wake:
		case <-b.changed:
		case <-ctx.Done():
		}
	}
}

// dialed returns the client, and dials it first if necessary.
func (b *Bus) dialed(ctx context.Context) (rueidis.Client, error) {
	b.mu.Lock()
	c := b.client
	b.mu.Unlock()
	if c != nil {
		return c, nil
	}
	c, err := dial(ctx, b.options)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.client = c
	b.mu.Unlock()
	return c, nil
}

// anyNode returns the client of a random server.
func anyNode(c rueidis.Client) rueidis.Client {
	for _, node := range c.Nodes() { // in random order
		return node
	}
	return c
}
