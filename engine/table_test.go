package engine

import (
	"slices"
	"testing"
	"time"
)

// A connection that is off the wheel for its tick may be closed before it is put back.
func TestClosedConnectionIsNotPutBack(t *testing.T) {
	begin := time.Now()
	of := table{grain: time.Millisecond, clock: func() time.Time { return begin }, begin: begin}
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
