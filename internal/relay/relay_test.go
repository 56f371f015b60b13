package relay

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
)

func TestArrivalsAreDeliveredInOrderAndLossesReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := NewArrivals[int]()
		for i := range maxWaiting + 5 {
			a.Put(i, 1)
		}
		ctx, stop := context.WithCancel(t.Context())
		var got []int
		losses := 0
		go a.Run(ctx, func() { losses++ }, func(i int) { got = append(got, i) })
		synctest.Wait()
		if len(got) != maxWaiting || !slices.IsSorted(got) || losses != 1 {
			t.Errorf("%d arrived, %d times lost", len(got), losses)
		}
		a.Put(7, maxWaitingSize)
		a.Put(8, 1) // after a large one; whether it fits depends on the reader
		synctest.Wait()
		if got[maxWaiting] != 7 {
			t.Errorf("then came %d", got[maxWaiting])
		}
		a.Lose()
		synctest.Wait()
		if losses < 2 {
			t.Error("a loss was not said")
		}
		stop()
	})
}

func TestArrivalsAreBoundedInBytes(t *testing.T) {
	a := NewArrivals[int]()
	a.Put(1, maxWaitingSize)
	a.Put(2, 1)
	ctx, stop := context.WithCancel(t.Context())
	a.Run(ctx, func() {}, func(i int) {
		if i != 1 {
			t.Errorf("%d was kept", i)
		}
		stop()
	})
}

func TestCallsKeepTheirOrder(t *testing.T) {
	c := NewCalls()
	first := c.Put("a", true)
	c.Put("a", false)
	<-c.Wake()
	calls := c.Take()
	if len(calls) != 2 || !calls[0].Join || calls[1].Join {
		t.Fatalf("taken %+v", calls)
	}
	calls[0].Done()
	<-first
	if more := c.Take(); len(more) != 0 {
		t.Errorf("taken again: %+v", more)
	}
}
