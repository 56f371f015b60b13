package parleytest

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// BusFaults describes how bad a FaultyBus is. The zero value is a healthy bus.
type BusFaults struct {
	Lose   float64       // fraction of envelopes that are not delivered; 1: all
	Repeat float64       // fraction of envelopes
	Delay  time.Duration // at most; it varies per envelope, so that they arrive in another order
	Deaf   bool          // nothing arrives, though Publish and Join return nil
}

// FaultyBus is a node's connection to a bus that is worse than the bus itself. Its seed determines
// what it does to arriving envelopes.
type FaultyBus struct {
	parley.Bus

	deliver sync.Mutex // held while the handler is called

	mu      sync.Mutex
	rnd     *rand.Rand
	faults  BusFaults
	handler parley.BusHandler // nil: Run does not run
	late    map[*time.Timer]struct{}
	calls   sync.WaitGroup // of timers
}

// NewFaultyBus adds faults to a connection.
func NewFaultyBus(b parley.Bus, seed uint64, f BusFaults) *FaultyBus {
	return &FaultyBus{Bus: b, rnd: rand.New(rand.NewPCG(seed, 1)), faults: f, late: map[*time.Timer]struct{}{}}
}

// Set changes the faults of what arrives from now on.
func (b *FaultyBus) Set(f BusFaults) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = f
}

// Break tells the node that envelopes were lost, as after a reconnect.
func (b *FaultyBus) Break() {
	b.deliver.Lock()
	defer b.deliver.Unlock()
	if h := b.current(); h != nil {
		h.Lost()
	}
}

func (b *FaultyBus) current() parley.BusHandler {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.handler
}

// Run implements parley.Bus.
func (b *FaultyBus) Run(ctx context.Context, h parley.BusHandler) error {
	b.mu.Lock()
	b.handler = h
	b.mu.Unlock()
	err := b.Bus.Run(ctx, (*faultyHandler)(b))
	b.mu.Lock()
	b.handler = nil
	for t := range b.late {
		if t.Stop() {
			b.calls.Done()
		}
	}
	b.mu.Unlock()
	b.calls.Wait()
	return err
}

// faultyHandler receives from the bus.
type faultyHandler FaultyBus

// Lost implements parley.BusHandler.
func (f *faultyHandler) Lost() { (*FaultyBus)(f).Break() }

// Deliver implements parley.BusHandler.
func (f *faultyHandler) Deliver(e parley.Envelope) {
	b := (*FaultyBus)(f)
	b.mu.Lock()
	faults, copies := b.faults, 1
	if b.rnd.Float64() < faults.Repeat {
		copies++
	}
	if b.rnd.Float64() < faults.Lose || faults.Deaf {
		copies = 0
	}
	delays := make([]time.Duration, copies)
	for i := range delays {
		if faults.Delay > 0 {
			delays[i] = time.Duration(b.rnd.Int64N(int64(faults.Delay)))
		}
	}
	b.mu.Unlock()
	for _, d := range delays {
		if d == 0 {
			b.pass(e)
		} else {
			b.passLater(e, d)
		}
	}
}

func (b *FaultyBus) pass(e parley.Envelope) {
	b.deliver.Lock()
	defer b.deliver.Unlock()
	if h := b.current(); h != nil {
		h.Deliver(e)
	}
}

func (b *FaultyBus) passLater(e parley.Envelope, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls.Add(1)
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		defer b.calls.Done()
		b.mu.Lock()
		delete(b.late, t)
		b.mu.Unlock()
		b.pass(e)
	})
	b.late[t] = struct{}{}
}
