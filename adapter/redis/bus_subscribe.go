package redis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"parley"
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

// put has a call wait, and returns what is closed when it is done.
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

// take returns the calls that wait.
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

// all returns a call for each channel that is joined.
func (s *subscriptions) all() (calls []subscription) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for channel := range s.joined {
		calls = append(calls, subscription{channel: channel, join: true})
	}
	return calls
}

// connect keeps the bus connected and subscribed until ctx ends. A connection that breaks is made again,
// all channels are joined again, and then the bus has lost what came between.
func (b *Bus) connect(ctx context.Context) {
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.client != nil {
			b.client.Close()
		}
	}()
	var unfinished []subscription
	connected := false
	for try := 0; ctx.Err() == nil; try++ {
		if try > 0 {
			pause(ctx, try-1)
		}
		client, err := b.dialed(ctx)
		if try == 0 && !connected {
			close(b.tried)
		}
		if err != nil {
			continue
		}
		c, release := anyNode(client).Dedicate()
		broken := c.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: b.received})
		if b.subscribe(ctx, c, b.joins.all()) == nil {
			if connected {
				b.lose()
			}
			connected, try = true, 0
			unfinished = b.serve(ctx, c, broken, unfinished)
		}
		c.Close()
		release()
	}
}

// dialed returns the client, which it dials unless that was done.
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

// anyNode is the client of one of the servers, by chance.
func anyNode(c rueidis.Client) rueidis.Client {
	for _, node := range c.Nodes() { // in random order
		return node
	}
	return c
}

// serve makes the calls that come until the connection breaks or ctx ends, and returns those that are not confirmed.
func (b *Bus) serve(ctx context.Context, c rueidis.DedicatedClient, broken <-chan error, calls []subscription) (unfinished []subscription) {
	for {
		if b.subscribe(ctx, c, calls) != nil {
			return calls
		}
		for _, call := range calls {
			close(call.done)
		}
		select {
		case <-b.joins.wake:
			calls = b.joins.take()
		case <-broken:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// maxPipelined calls are sent at once.
const maxPipelined = 512

// subscribe makes calls and returns when Redis has confirmed all of them.
func (b *Bus) subscribe(ctx context.Context, c rueidis.DedicatedClient, calls []subscription) error {
	for len(calls) > 0 {
		some := calls[:min(maxPipelined, len(calls))]
		calls = calls[len(some):]
		commands := make([]rueidis.Completed, len(some))
		for i, call := range some {
			if channel := b.prefix + string(call.channel); call.join {
				commands[i] = c.B().Subscribe().Channel(channel).Build()
			} else {
				commands[i] = c.B().Unsubscribe().Channel(channel).Build()
			}
		}
		for _, r := range c.DoMulti(ctx, commands...) {
			if err := r.Error(); err != nil {
				return err
			}
		}
	}
	return nil
}
