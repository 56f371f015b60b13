package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/backoff"
	"github.com/parley-server/parley/internal/codec"
	"github.com/parley-server/parley/internal/relay"
)

// Bus implements parley.Bus over core subjects: a subscription to prefix.chat.CHANNEL for each joined channel. The client
// library reconnects and subscribes again.
//
// Envelopes from NATS go from the library's channel into a queue bounded in bytes, which Run empties. Joins and leaves
// wait in another queue, which one goroutine empties in their order; a PONG after them confirms many at a time. In a
// cluster the other servers learn of a subscription shortly afterwards: what is published there before that is lost.
type Bus struct {
	// fixed after construction
	options  nats.Options
	prefix   string // of subjects
	arrived  chan *nats.Msg
	arrivals *relay.Arrivals[*nats.Msg]
	calls    *relay.Calls
	tried    chan struct{} // closed when Run has tried to connect, with or without success
	ended    chan struct{} // closed when Run has returned
	ran      atomic.Bool
	ignored  atomic.Int64
	trouble  relay.Trouble

	mu   sync.Mutex
	conn *nats.Conn // nil until tried
}

var _ parley.Bus = (*Bus)(nil)

// maxArrived is how many messages wait between the connection's reader and the goroutine that only empties the
// channel.
const maxArrived = 8192

// NewBus returns the bus of one node, not connected yet.
func NewBus(cfg Config) (*Bus, error) {
	o, prefix, err := cfg.options()
	if err != nil {
		return nil, err
	}
	b := &Bus{options: o, prefix: prefix + ".chat.", arrived: make(chan *nats.Msg, maxArrived),
		arrivals: relay.NewArrivals[*nats.Msg](), calls: relay.NewCalls(), tried: make(chan struct{}), ended: make(chan struct{})}
	b.options.RetryOnFailedConnect = true
	b.options.ConnectedCB = func(*nats.Conn) { b.trouble.Set(nil) }
	b.options.ReconnectedCB = func(*nats.Conn) {
		b.trouble.Set(nil)
		b.arrivals.Lose()
	}
	b.options.ReconnectErrCB = func(_ *nats.Conn, err error) { b.trouble.Set(err) }
	b.options.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) { b.arrivals.Lose() } // a slow consumer, a subject that is denied
	return b, nil
}

// Ignored returns how many envelopes were not delivered because they are of a later version, or
// damaged.
func (b *Bus) Ignored() int64 { return b.ignored.Load() }

// Run implements parley.Bus.
func (b *Bus) Run(ctx context.Context, h parley.BusHandler) error {
	if b.ran.Swap(true) {
		return errors.New("a bus runs once")
	}
	defer close(b.ended)
	conn, err := b.options.Connect() // keeps trying by itself
	if err != nil {
		close(b.tried)
		return fmt.Errorf("connect to NATS at %s: %w", where(&b.options), err)
	}
	defer conn.Close()
	b.mu.Lock()
	b.conn = conn
	b.mu.Unlock()
	close(b.tried)
	ctx, stop := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer working.Wait()
	defer stop()
	working.Go(func() { b.serve(ctx, conn) })
	working.Go(func() { b.receive(ctx) })
	b.arrivals.Run(ctx, h.Lost, func(m *nats.Msg) { b.deliver(m, h) })
	return nil
}

// receive empties the channel that the connection's reader fills.
func (b *Bus) receive(ctx context.Context) {
	for {
		select {
		case m := <-b.arrived:
			b.arrivals.Put(m, len(m.Data))
		case <-ctx.Done():
			return
		}
	}
}

func (b *Bus) deliver(m *nats.Msg, h parley.BusHandler) {
	e, err := codec.DecodeEnvelope(parley.ChannelID(nameOf(m.Subject[len(b.prefix):])), string(m.Data))
	if err != nil {
		b.ignored.Add(1)
		return
	}
	h.Deliver(e)
}

func (b *Bus) subject(channel parley.ChannelID) string { return b.prefix + token(string(channel)) }

// serve makes the waiting calls until ctx ends.
func (b *Bus) serve(ctx context.Context, conn *nats.Conn) {
	joined := map[parley.ChannelID]*nats.Subscription{}
	for {
		select {
		case <-b.calls.Wake():
		case <-ctx.Done():
			return
		}
		calls := b.calls.Take()
		for _, c := range calls {
			switch s := joined[c.Channel]; {
			case c.Join && s == nil:
				if s, err := conn.ChanSubscribe(b.subject(c.Channel), b.arrived); err == nil {
					joined[c.Channel] = s
				}
			case !c.Join && s != nil:
				_ = s.Unsubscribe() // fails only on a connection that is closed permanently
				delete(joined, c.Channel)
			}
		}
		if !confirmed(ctx, conn) {
			return
		}
		for _, c := range calls {
			c.Done()
		}
	}
}

// confirmed returns when the server has answered a PING, and so has processed everything that was sent before, even if
// the connection was re-established in the meantime; false: ctx has ended.
func confirmed(ctx context.Context, conn *nats.Conn) bool {
	for try := 0; ; try++ {
		soon, cancel := context.WithTimeout(ctx, dialTimeout)
		err := conn.FlushWithContext(soon)
		cancel()
		if err == nil && conn.IsConnected() {
			return true
		}
		if !backoff.Wait(ctx, try) {
			return false
		}
	}
}

// Publish implements parley.Bus. It waits until the envelope is in the connection's buffer, and at the beginning until Run
// has tried to connect.
func (b *Bus) Publish(ctx context.Context, e parley.Envelope) error {
	select {
	case <-b.tried:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return fmt.Errorf("publish: %w", context.Cause(ctx))
	}
	b.mu.Lock()
	conn := b.conn
	b.mu.Unlock()
	if conn == nil || !conn.IsConnected() {
		return b.trouble.NotConnected("NATS", where(&b.options))
	}
	if err := conn.Publish(b.subject(e.Channel), codec.AppendEnvelope(make([]byte, 0, 512), &e)); err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// Join implements parley.Bus. After an error the channel may be joined, now or later.
func (b *Bus) Join(ctx context.Context, channel parley.ChannelID) error {
	if ctx.Err() != nil {
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	}
	select {
	case <-b.calls.Put(channel, true):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("join %s: %w", channel, context.Cause(ctx))
	case <-b.ended:
		return fmt.Errorf("join %s: the bus has ended", channel)
	}
}

// Leave implements parley.Bus. It does not wait for NATS.
func (b *Bus) Leave(_ context.Context, channel parley.ChannelID) error {
	b.calls.Put(channel, false)
	return nil
}
