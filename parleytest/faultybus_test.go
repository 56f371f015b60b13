package parleytest_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/parleytest"
)

// heard is a node that records what it receives.
type heard struct {
	heads []int64
	lost  int
}

func (h *heard) Deliver(e parley.Envelope) { h.heads = append(h.heads, e.Head) }
func (h *heard) Lost()                     { h.lost++ }

// send publishes a thousand envelopes to a faulty node and returns what it received.
func send(t *testing.T, seed uint64, f parleytest.BusFaults) (got []int64) {
	synctest.Test(t, func(t *testing.T) {
		broker := mem.NewBroker()
		bus, h := parleytest.NewFaultyBus(broker.Open(), seed, f), &heard{}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- bus.Run(ctx, h) }()
		if err := bus.Join(ctx, "room"); err != nil {
			t.Fatal(err)
		}
		for i := range int64(1000) {
			if err := bus.Publish(ctx, parley.Envelope{Channel: "room", Head: i}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		time.Sleep(f.Delay)
		synctest.Wait()
		bus.Break()
		bus.Set(parleytest.BusFaults{Delay: time.Hour})
		if err := bus.Publish(ctx, parley.Envelope{Channel: "room", Head: 5000}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		stop() // late envelopes no longer arrive
		if err := <-done; err != nil {
			t.Error(err)
		}
		if h.lost != 1 {
			t.Errorf("the node was told %d times that something was lost", h.lost)
		}
		got = h.heads
	})
	return got
}

func TestFaultyBusFollowsItsSeed(t *testing.T) {
	if got := send(t, 1, parleytest.BusFaults{}); len(got) != 1000 || !slices.IsSorted(got) {
		t.Errorf("a healthy bus delivered %d envelopes", len(got))
	}
	for _, f := range []parleytest.BusFaults{{Lose: 1}, {Deaf: true}} {
		if got := send(t, 1, f); len(got) != 0 {
			t.Errorf("%+v delivered %d envelopes", f, len(got))
		}
	}
	bad := parleytest.BusFaults{Lose: 0.2, Repeat: 0.2, Delay: 20 * time.Millisecond}
	got := send(t, 7, bad)
	once := slices.Compact(slices.Sorted(slices.Values(got)))
	lost, repeated := 1000-len(once), len(got)-len(once)
	if lost < 150 || lost > 250 || repeated < 100 || repeated > 250 || slices.IsSorted(got) {
		t.Errorf("%d lost, %d repeated, sorted %v", lost, repeated, slices.IsSorted(got))
	}
	if again := send(t, 7, bad); !slices.Equal(got, again) {
		t.Error("the same seed delivers otherwise")
	}
	if other := send(t, 8, bad); slices.Equal(got, other) {
		t.Error("another seed delivers the same")
	}
}

// A FaultyBus without faults behaves as a bus must.
func TestHealthyFaultyBus(t *testing.T) {
	parleytest.RunBus(t, func(*testing.T) (h parleytest.BusHarness) {
		b := mem.NewBroker()
		h.Break = b.Break
		for range 3 {
			h.Buses = append(h.Buses, parleytest.NewFaultyBus(b.Open(), 1, parleytest.BusFaults{Repeat: 0.5, Delay: time.Millisecond}))
		}
		return h
	})
}
