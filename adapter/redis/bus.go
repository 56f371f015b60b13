package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/codec"
	"github.com/parley-server/parley/internal/relay"
)

// Bus implements parley.Bus over Pub/Sub: one connection is subscribed to prefix + "chat:{channel}" for each joined
// channel, and others publish. In a Cluster it is sharded Pub/Sub: the channels are in partitions, each of which is in one
// slot, with a connection to each server that has partitions of joined channels (bus_shards.go).
//
// Joins and leaves wait in a queue, which one goroutine empties in their order, many at a time (bus_subscribe.go).
// Envelopes from Redis wait in another queue, which Run empties.
type Bus struct {
	// fixed after construction
	options  rueidis.ClientOption
	prefix   string
	arrivals *relay.Arrivals[rueidis.PubSubMessage]
	tried    chan struct{} // closed by connect when it has tried to connect, with or without success
	ended    chan struct{} // closed when Run has returned
	ran      atomic.Bool
	ignored  atomic.Int64

	joins   subscriptions
	trouble relay.Trouble
	changed chan struct{} // holds a token if a connection is broken, or a server has ended subscriptions

	mu     sync.Mutex
	client rueidis.Client // nil while Run has not connected
}

var _ parley.Bus = (*Bus)(nil)

// NewBus returns the bus of one node, not connected yet.
func NewBus(cfg Config) (*Bus, error) {
	o, err := cfg.options()
	if err != nil {
		return nil, err
	}
	o.ConnWriteTimeout = busSilence
	return &Bus{options: o, prefix: cfg.Prefix, changed: make(chan struct{}, 1), arrivals: relay.NewArrivals[rueidis.PubSubMessage](),
		tried: make(chan struct{}), ended: make(chan struct{}), joins: newSubscriptions()}, nil
}

// Ignored returns how many envelopes were not delivered because they are of a later version, or
// damaged.
func (b *Bus) Ignored() int64 { return b.ignored.Load() }

// Run implements parley.Bus.
func (b *Bus) Run(ctx context.Context, h parley.BusHandler) error {
	if b.ran.Swap(true) {
		return errors.New("a bus runs once")
	}
	ctx, stop := context.WithCancel(ctx)
	var connecting sync.WaitGroup
	connecting.Go(func() { b.connect(ctx) })
	defer func() {
		stop()
		connecting.Wait()
		close(b.ended)
	}()
	b.arrivals.Run(ctx, h.Lost, func(m rueidis.PubSubMessage) { b.deliver(m, h) })
	return nil
}

func (b *Bus) deliver(m rueidis.PubSubMessage, h parley.BusHandler) {
	e, err := codec.DecodeEnvelope(b.channelOf(m.Channel), m.Message)
	if err != nil {
		b.ignored.Add(1)
		return
	}
	h.Deliver(e)
}

// name returns a channel's name in Pub/Sub.
func (b *Bus) name(channel parley.ChannelID, sharded bool) string {
	if !sharded {
		return b.prefix + "chat:" + string(channel)
	}
	return b.prefix + "{chat" + strconv.Itoa(partitionOf(channel)) + "}:" + string(channel)
}

// channelOf returns the channel of a name.
func (b *Bus) channelOf(name string) parley.ChannelID {
	name = name[len(b.prefix):]
	if name[0] == '{' {
		_, name, _ = strings.Cut(name, "}:")
		return parley.ChannelID(name)
	}
	return parley.ChannelID(strings.TrimPrefix(name, "chat:"))
}

// received puts a message from Redis in the queue. It is called by the goroutine that reads the
// connection.
func (b *Bus) received(m rueidis.PubSubMessage) { b.arrivals.Put(m, len(m.Message)) }

// Publish implements parley.Bus. It waits until Redis has accepted the envelope, and at the beginning until Run has tried
// to connect.
func (b *Bus) Publish(ctx context.Context, e parley.Envelope) error {
	select {
	case <-b.tried:
	case <-ctx.Done():
		return fmt.Errorf("publish: %w", context.Cause(ctx))
	}
	b.mu.Lock()
	c := b.client
	b.mu.Unlock()
	if c == nil {
		return b.trouble.NotConnected("Redis", where(&b.options))
	}
	message := rueidis.BinaryString(codec.AppendEnvelope(make([]byte, 0, 512), &e))
	publish := c.B().Publish().Channel(b.name(e.Channel, false)).Message(message).Build()
	if sharded(c) {
		publish = c.B().Spublish().Channel(b.name(e.Channel, true)).Message(message).Build()
	}
	if err := c.Do(ctx, publish).Error(); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Join implements parley.Bus. After an error the channel may be joined, now or later.
func (b *Bus) Join(ctx context.Context, channel parley.ChannelID) error {
	if ctx.Err() != nil {
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	}
	done := b.joins.put(channel, true)
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	case <-b.ended:
		return fmt.Errorf("join %s: the bus has ended", channel)
	}
}

// Leave implements parley.Bus. It does not wait for Redis.
func (b *Bus) Leave(_ context.Context, channel parley.ChannelID) error {
	b.joins.put(channel, false)
	return nil
}
