package engine

import (
	"sync"
	"time"
)

// wheel is a timing wheel: one list of connections per slot of time. Adding,
// moving and removing cost the same however many there are; a deadline is met at most
// two slots late and never early. A deadline beyond the wheel's turn waits in its last slot.
type wheel struct {
	grain time.Duration

	mu    sync.Mutex
	now   int32 // the slot that was turned to last
	slots [wheelSlots][]*Conn
}

const wheelSlots = 1024

// add puts a connection on the wheel, from wherever on it it was.
func (w *wheel) add(c *Conn, after time.Duration) {
	n := max(1, min(int32((after+w.grain-1)/w.grain)+1, wheelSlots-1))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(c)
	c.slot = (w.now+n)%wheelSlots + 1
	s := &w.slots[c.slot-1]
	c.place = int32(len(*s))
	*s = append(*s, c)
}

// remove takes a connection off, if it is on the wheel.
func (w *wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.removeLocked(c)
}

func (w *wheel) removeLocked(c *Conn) {
	if c.slot == 0 { // nowhere
		return
	}
	s := w.slots[c.slot-1]
	last := len(s) - 1
	s[c.place] = s[last]
	s[c.place].place = c.place
	s[last] = nil
	if w.slots[c.slot-1] = s[:last]; last == 0 {
		w.slots[c.slot-1] = nil
	}
	c.slot = 0
}

// turn moves on by one slot and returns the connections in it, now off the wheel.
func (w *wheel) turn() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = (w.now + 1) % wheelSlots
	due := w.slots[w.now]
	w.slots[w.now] = nil
	for _, c := range due {
		c.slot = 0
	}
	return due
}
