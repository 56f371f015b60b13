package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A connection that is off the wheel for its tick may be closed before it is put back.
func TestClosedConnectionIsNotPutBack(t *testing.T) {
	begin := time.Now()
	of := newTable(time.Millisecond, func() time.Time { return begin })
	gone, other := &Conn{}, &Conn{}
	for _, c := range []*Conn{gone, other} {
		if !of.add(c, 0) {
			t.Fatal("the table is closed")
		}
	}
	if due := of.advance(begin.Add(10*time.Millisecond), nil); !slices.Contains(due, gone) || !slices.Contains(due, other) {
		t.Fatalf("due are %v", due)
	}
	of.remove(gone)
	of.put(gone, 0)
	of.put(other, 0) // it would be linked to an unused number
	next := &Conn{}  // it gets that number
	if of.add(next, 0); next.number != gone.number {
		t.Fatalf("the next connection is %d, and %d is free", next.number, gone.number)
	}
	of.put(gone, 0)
	of.remove(gone)
	if c := of.find(next.number, next.birth); c != next {
		t.Fatal("a connection that has left before took another one out")
	}
	due := of.advance(begin.Add(time.Second), nil)
	slices.SortFunc(due, func(a, b *Conn) int { return int(a.number - b.number) })
	want := []*Conn{next, other}
	slices.SortFunc(want, func(a, b *Conn) int { return int(a.number - b.number) })
	if !slices.Equal(due, want) {
		t.Errorf("%d connections are due, want the two that are here", len(due))
	}
	if c := of.all(); len(c) != 2 {
		t.Errorf("%d connections are here, want two", len(c))
	}
}

// Ticks are at most two slots late and never early, also of a connection that is added while the wheel rests; a wheel without
// connections turns only as often as pauses demand.
func TestRestingWheelMeetsDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const grain = 100 * time.Millisecond
		of := newTable(grain, time.Now)
		ctx, stop := context.WithCancel(t.Context())
		var turning sync.WaitGroup
		var turns, met atomic.Int64
		var dues sync.Map // of each connection
		turning.Go(func() {
			for of.wait(ctx) {
				turns.Add(1)
				for _, c := range of.advance(time.Now(), nil) {
					due, _ := dues.Load(c)
					if late := time.Since(due.(time.Time)); late < 0 || late > 2*grain {
						t.Errorf("a tick came %v late", late)
					}
					of.remove(c)
					met.Add(1)
				}
			}
		})
		time.Sleep(time.Minute)
		if n := turns.Load(); n != 200 {
			t.Errorf("the wheel turned %d times in a minute without connections, want 200", n)
		}
		const connections = 2000
		for range connections {
			c, first := new(Conn), rand.N(10*grain)
			dues.Store(c, time.Now().Add(first))
			of.add(c, first)
			time.Sleep(rand.N(8 * grain))
		}
		time.Sleep(time.Minute)
		if n := met.Load(); n != connections {
			t.Errorf("%d of %d ticks came", n, connections)
		}
		stop()
		turning.Wait()
	})
}
