package engine

import (
	"context"
	"sync"
	"time"

	"github.com/parley-server/parley/internal/clock"
)

// table holds the connections of an engine, each under a number, and a timing wheel of their
// deadlines: one list of connections per slot of time. Adding, moving and removing cost the
// same however many there are. A deadline is met at most two slots late and never early, also
// by a wheel that stood still for a while; a deadline beyond the wheel's turn waits in its last
// slot.
//
// A list is linked through the numbers next and previous of its connections, since a quiet
// connection must cost as little as possible. 0 is not a number.
type table struct {
	// fixed
	grain time.Duration
	clock func() time.Time
	begin time.Time // of slot 0
	ticks *clock.OnDemand

	mu     sync.Mutex
	closed bool
	chunks []*chunk // the connection n is chunks[n/chunkSize][n%chunkSize]
	free   []int32  // numbers below made that are unused
	made   int32    // the highest number so far
	births uint32   // how many connections there have been, modulo 2³²
	turned int64    // the last slot that was reached, counted from the beginning
	slots  [wheelSlots]int32
}

const (
	wheelSlots = 1 << 14 // with the usual grain 27 minutes: longer than most heartbeats, which else would cost visits in between
	chunkSize  = 1024

	// restSlots is how long a wheel that has nothing to do rests, in slots. It must turn within pausedAfter, so that an idle
	// process notices a pause too.
	restSlots = 3
)

func newTable(grain time.Duration, now func() time.Time) table {
	return table{grain: grain, clock: now, begin: now(), ticks: clock.NewOnDemand(grain, restSlots*grain)}
}

type chunk [chunkSize]*Conn

// add adds a connection, with its first deadline, unless the table is closed.
func (t *table) add(c *Conn, first time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	if n := len(t.free); n > 0 {
		c.number = t.free[n-1]
		t.free = t.free[:n-1]
	} else {
		t.made++
		c.number = t.made
	}
	t.births++
	c.birth = t.births
	for int(c.number)/chunkSize >= len(t.chunks) {
		t.chunks = append(t.chunks, new(chunk))
	}
	*t.at(c.number) = c
	t.putLocked(c, first)
	return true
}

func (t *table) at(number int32) **Conn { return &t.chunks[number/chunkSize][number%chunkSize] }

// remove removes a connection, if it is in the table.
func (t *table) remove(c *Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.hasLocked(c) {
		return
	}
	t.takeLocked(c)
	*t.at(c.number) = nil
	t.free = append(t.free, c.number)
}

// find returns the connection with a number, unless the number was reused.
func (t *table) find(number int32, birth uint32) *Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := *t.at(number); c != nil && c.birth == birth {
		return c
	}
	return nil
}

// all returns the connections in the table.
func (t *table) all() (conns []*Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.allLocked()
}

func (t *table) allLocked() (conns []*Conn) {
	for _, chunk := range t.chunks {
		for _, c := range chunk {
			if c != nil {
				conns = append(conns, c)
			}
		}
	}
	return conns
}

// close refuses further connections, and returns those in the table.
func (t *table) close() []*Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	return t.allLocked()
}

// put gives a connection another deadline, if it is in the table: one that is off the wheel for its tick may have been
// removed since, and its number reused.
func (t *table) put(c *Conn, after time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.hasLocked(c) {
		return
	}
	t.takeLocked(c)
	t.putLocked(c, after)
}

func (t *table) hasLocked(c *Conn) bool { return *t.at(c.number) == c }

func (t *table) putLocked(c *Conn, after time.Duration) {
	at := max(t.turned+1, min(int64((t.clock().Sub(t.begin)+after)/t.grain)+1, t.turned+wheelSlots-1))
	if at <= t.turned+restSlots {
		t.ticks.Need()
	}
	slot := int32(at % wheelSlots)
	first := t.slots[slot]
	c.slot, c.previous, c.next = int16(slot)+1, 0, first
	if first != 0 {
		(*t.at(first)).previous = c.number
	}
	t.slots[slot] = c.number
}

// takeLocked takes a connection off the wheel, if it is on it.
func (t *table) takeLocked(c *Conn) {
	switch {
	case c.slot == 0:
		return
	case c.previous == 0:
		t.slots[c.slot-1] = c.next
	default:
		(*t.at(c.previous)).next = c.next
	}
	if c.next != 0 {
		(*t.at(c.next)).previous = c.previous
	}
	c.slot = 0
}

// wait waits until the wheel should advance, and reports whether that was before ctx ended.
func (t *table) wait(ctx context.Context) bool { return t.ticks.Wait(ctx, t.isDueSoon) }

// isDueSoon reports whether there is a connection in a slot that a wheel at rest would pass.
func (t *table) isDueSoon() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for slot := t.turned + 1; slot <= t.turned+restSlots; slot++ {
		if t.slots[slot%wheelSlots] != 0 {
			return true
		}
	}
	return false
}

// advance advances by as many slots as time has passed and appends the connections in them,
// which are then off the wheel.
func (t *table) advance(now time.Time, due []*Conn) []*Conn {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := int64(now.Sub(t.begin) / t.grain)
	if last-t.turned > wheelSlots {
		t.turned = last - wheelSlots // each slot once
	}
	for t.turned < last {
		t.turned++
		slot := &t.slots[t.turned%wheelSlots]
		for n := *slot; n != 0; {
			c := *t.at(n)
			due = append(due, c)
			c.slot, n = 0, c.next
		}
		*slot = 0
	}
	return due
}
