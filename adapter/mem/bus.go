package mem

import (
	"context"
	"errors"
	"sync"

	"github.com/parley-server/parley"
)

// Broker passes envelopes between the nodes of this process.
type Broker struct {
	mu     sync.Mutex
	joined map[parley.ChannelID]map[*Bus]struct{}
	runs   map[*Bus]struct{} // buses with a running Run
}

// NewBroker creates a broker without subscribers.
func NewBroker() *Broker {
	return &Broker{joined: map[parley.ChannelID]map[*Bus]struct{}{}, runs: map[*Bus]struct{}{}}
}

// Break loses all envelopes in flight, like a broker that is restarted.
func (b *Broker) Break() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for bus := range b.runs {
		bus.lose()
	}
}

// Bus implements parley.Bus for one node.
type Bus struct {
	broker *Broker
	wake   chan struct{} // holds a token if something is waiting
	ran    chan struct{} // closed when Run has begun
	begin  sync.Once

	mu      sync.Mutex
	waiting []parley.Envelope
	lost    bool
}

var _ parley.Bus = (*Bus)(nil)

// maxWaiting is how many envelopes may wait for a slow node; further ones are lost.
const maxWaiting = 4096

// Open returns a node's connection.
func (b *Broker) Open() *Bus {
	return &Bus{broker: b, wake: make(chan struct{}, 1), ran: make(chan struct{})}
}

// Run implements parley.Bus.
func (b *Bus) Run(ctx context.Context, h parley.BusHandler) error {
	first := false
	b.begin.Do(func() { first = true })
	if !first {
		return errors.New("a bus runs once")
	}
	b.broker.mu.Lock()
	b.broker.runs[b] = struct{}{}
	b.broker.mu.Unlock()
	close(b.ran)
	defer b.broker.forget(b)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.wake:
		}
		b.mu.Lock()
		waiting, lost := b.waiting, b.lost
		b.waiting, b.lost = nil, false
		b.mu.Unlock()
		if lost {
			h.Lost()
		}
		for _, e := range waiting {
			h.Deliver(e)
		}
	}
}

// Publish implements parley.Bus.
func (b *Bus) Publish(ctx context.Context, e parley.Envelope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	e = copied(e)
	b.broker.mu.Lock()
	defer b.broker.mu.Unlock()
	for to := range b.broker.joined[e.Channel] {
		to.put(e)
	}
	return nil
}

// copied returns a copy of an envelope that shares no memory with it.
func copied(e parley.Envelope) parley.Envelope {
	ms := e.Messages
	e.Messages = nil
	for i := range ms {
		e.Messages = append(e.Messages, clone(&ms[i]))
	}
	if e.Event != nil {
		own := *e.Event
		own.Object = append([]byte(nil), own.Object...)
		e.Event = &own
	}
	return e
}

func (b *Bus) put(e parley.Envelope) {
	b.mu.Lock()
	if len(b.waiting) < maxWaiting {
		b.waiting = append(b.waiting, e)
	} else {
		b.lost = true
	}
	b.mu.Unlock()
	b.ring()
}

// lose drops the waiting envelopes and reports it.
func (b *Bus) lose() {
	b.mu.Lock()
	b.waiting, b.lost = nil, true
	b.mu.Unlock()
	b.ring()
}

func (b *Bus) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// Join implements parley.Bus.
func (b *Bus) Join(ctx context.Context, channel parley.ChannelID) error {
	select {
	case <-b.ran:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.broker.mu.Lock()
	defer b.broker.mu.Unlock()
	if b.broker.joined[channel] == nil {
		b.broker.joined[channel] = map[*Bus]struct{}{}
	}
	b.broker.joined[channel][b] = struct{}{}
	return nil
}

// Leave implements parley.Bus.
func (b *Bus) Leave(_ context.Context, channel parley.ChannelID) error {
	b.broker.mu.Lock()
	defer b.broker.mu.Unlock()
	b.broker.leaveLocked(b, channel)
	return nil
}

func (b *Broker) leaveLocked(bus *Bus, channel parley.ChannelID) {
	if delete(b.joined[channel], bus); len(b.joined[channel]) == 0 {
		delete(b.joined, channel)
	}
}

// forget removes a node from all channels.
func (b *Broker) forget(bus *Bus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, bus)
	for channel := range b.joined {
		b.leaveLocked(bus, channel)
	}
}
