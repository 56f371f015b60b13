package engine

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection in the engine. The zero Conn is ready to be rung; nothing is
// read or written before Park or Hold.
type Conn struct {
	// fixed when it is parked
	peer Peer
	loop *loop                     // of a parked descriptor, else nil
	slow atomic.Pointer[goroutine] // of a connection with goroutines, else nil

	number, next, previous int32 // the table's
	birth                  uint32
	slot                   int16 // on its wheel and one more, 0 for none

	flags   flags        // guarded by mu
	dirty   atomic.Int32 // idle, busy or again
	fd      int32        // guarded by mu; -1 when it was closed
	lastAck uint32       // guarded by mu: what the client's TCP had acknowledged at the last tick
	mu      sync.Mutex   // calls of the peer
}

type flags uint16

const (
	working  flags = 1 << iota // its work or load runs elsewhere: the peer must not be called
	rung                       // something happened in the meantime
	readable                   // bytes may wait in the socket
	full                       // the peer accepts no more bytes
	blocked                    // the socket accepts no more bytes
	finished                   // the last byte was written; the client must close
	gone                       // Gone was called
	hungUp                     // the client has closed its side
	deaf                       // nothing is read, only the client's end is noticed
	awaited                    // a visit waits until the work is done
)

func (c *Conn) is(f flags) bool { return c.flags&f != 0 }
func (c *Conn) set(f flags)     { c.flags |= f }
func (c *Conn) clear(f flags)   { c.flags &^= f }

// lingering is how long a finished connection waits for the client's end.
const lingering = 2 * time.Second

// The result of Ring. A parked connection is busy while it is on its loop's list, another while a goroutine writes to
// it; both are busy before they are parked, and parking checks at once.
//
//	idle ──ring──▶ busy ──ring──▶ again
//	 ▲              │ served       │ served once more
//	 └──────────────┘◀─────────────┘
const (
	busy int32 = iota
	idle
	again
)

// Ring says that the peer may have something to write, or room again. It may be called from any
// goroutine, also with locks held: it never blocks and calls no other code.
func (c *Conn) Ring() {
	for {
		switch s := c.dirty.Load(); {
		case s == again:
			return
		case s == busy && c.dirty.CompareAndSwap(s, again):
			return
		case s == idle && c.dirty.CompareAndSwap(s, busy):
			if c.loop != nil {
				c.loop.push(c)
			} else {
				go c.slow.Load().flush(c)
			}
			return
		}
	}
}

// tick calls the peer's Tick and puts the connection back on the wheel.
func (e *Engine) tick(c *Conn, now time.Time) {
	if !c.mu.TryLock() {
		e.table.put(c, 0) // it is busy, so it is not silent
		return
	}
	defer c.mu.Unlock()
	switch {
	case c.is(gone):
	case c.is(finished):
		e.abortLocked(c)
	case c.is(working):
		e.table.put(c, time.Second)
	default:
		s := Sending{Blocked: c.is(blocked)}
		acked, unacked := c.sentLocked()
		s.Pending = s.Blocked || unacked
		s.Progress = acked != c.lastAck
		c.lastAck = acked
		if next := c.peer.Tick(now, s); next != Dead {
			e.table.put(c, next)
			return
		}
		e.abortLocked(c)
	}
}

func (e *Engine) drain(c *Conn, retry time.Duration) {
	e.VisitOne(c, func(p Peer) bool { p.Drain(retry); return true })
}

// VisitOne is Visit for one connection, which is parked or held.
func (e *Engine) VisitOne(c *Conn, f func(Peer) bool) {
	if c.slow.Load() != nil && !c.mu.TryLock() { // perhaps for a load
		go e.visit(c, f)
		return
	} else if c.slow.Load() == nil {
		c.mu.Lock()
	}
	e.visitLocked(c, f)
}

func (e *Engine) visit(c *Conn, f func(Peer) bool) {
	c.mu.Lock()
	e.visitLocked(c, f)
}

// visitLocked unlocks c.mu.
func (e *Engine) visitLocked(c *Conn, f func(Peer) bool) {
	if c.is(working) {
		c.set(awaited)
		e.visits.add(c, f)
		c.mu.Unlock()
		return
	}
	ring := !c.is(gone) && f(c.peer)
	c.mu.Unlock()
	if ring {
		c.Ring()
	}
}

// visits wait for peers that are at work. They run when the work is done, before any other call
// of the peer.
type visits struct {
	mu sync.Mutex
	of map[*Conn][]func(Peer) bool
}

func (v *visits) add(c *Conn, f func(Peer) bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of == nil {
		v.of = map[*Conn][]func(Peer) bool{}
	}
	v.of[c] = append(v.of[c], f)
}

func (v *visits) take(c *Conn) []func(Peer) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	fs := v.of[c]
	delete(v.of, c)
	return fs
}

// workedLocked ends a connection's work.
func (e *Engine) workedLocked(c *Conn) {
	c.clear(working | rung)
	if !c.is(awaited) {
		return
	}
	c.clear(awaited)
	for _, f := range e.visits.take(c) {
		if !c.is(gone) {
			f(c.peer) // it is served next, rung or not
		}
	}
}

// abortLocked closes the connection without another byte.
func (e *Engine) abortLocked(c *Conn) {
	g := c.slow.Load()
	switch {
	case g == nil:
		e.closeLocked(c)
	case !c.is(gone):
		g.abort(c)
	}
}

// forget removes a connection that is gone from the engine.
func (e *Engine) forget(c *Conn) {
	e.table.remove(c)
	e.open.Add(-1)
	e.active.Done()
}

// netConn unwraps what TLS wraps.
func netConn(nc net.Conn) net.Conn {
	if w, ok := nc.(interface{ NetConn() net.Conn }); ok {
		return w.NetConn()
	}
	return nc
}
