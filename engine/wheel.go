package engine

import (
	"sync"
	"time"
)

// wheel is a timing wheel: one list of connections per slot of time. Adding,
// moving and removing cost the same however many there are; a deadline is met
// within one slot. A deadline beyond the wheel's turn waits in its last slot.
type wheel struct {
	grain time.Duration

	mu    sync.Mutex
	now   int // the slot that comes next
	slots [][]*Conn
}

const wheelSlots = 1024

func newWheel(grain time.Duration) *wheel {
	return &wheel{grain: grain, slots: make([][]*Conn, wheelSlots)}
}

// add puts a connection that is not on the wheel there.
func (w *wheel) add(c *Conn, after time.Duration) {
	n := max(1, min(int((after+w.grain-1)/w.grain), wheelSlots-1))
	w.mu.Lock()
	defer w.mu.Unlock()
	c.slot = (w.now + n) % wheelSlots
	c.place = len(w.slots[c.slot])
	w.slots[c.slot] = append(w.slots[c.slot], c)
}

// remove takes a connection off, if it is on the wheel.
func (w *wheel) remove(c *Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.slot < 0 {
		return
	}
	s := w.slots[c.slot]
	last := len(s) - 1
	s[c.place] = s[last]
	s[c.place].place = c.place
	s[last] = nil
	w.slots[c.slot] = s[:last]
	c.slot = -1
}

// turn moves on by one slot and returns the connections in it, now off the wheel.
func (w *wheel) turn() []*Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = (w.now + 1) % wheelSlots
	due := w.slots[w.now]
	w.slots[w.now] = nil
	for _, c := range due {
		c.slot = -1
	}
	return due
}
