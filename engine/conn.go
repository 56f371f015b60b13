package engine

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Conn is a connection in the engine. In this engine a goroutine waits in each
// socket's read, without a buffer; another is there only while there is something
// to write.
//
//	state   idle ──ring──▶ busy ──ring──▶ again
//	         ▲              │ nothing left  │ look once more
//	         └──────────────┘◀──────────────┘
type Conn struct {
	// fixed when it is parked
	engine *Engine
	peer   Peer
	out    io.WriteCloser
	socket net.Conn      // nil for a held stream
	done   chan struct{} // closed when a held stream has ended

	state   atomic.Int32
	blocked atomic.Bool // a write is under way
	dead    atomic.Bool // the connection was closed; Gone follows

	mu       sync.Mutex // calls of the peer
	room     sync.Cond  // on mu: the peer may have room again
	finished bool       // Output said io.EOF
	gone     bool       // Gone was called
	lastAck  uint64     // what the client's TCP had acknowledged at the last tick

	slot, place int // on the wheel; the wheel's
}

const (
	stateIdle int32 = iota
	stateBusy
	stateAgain
)

// lingering is how long a finished connection waits for the client's end.
const lingering = 2 * time.Second

// Ring says that the peer may have something to write, or room again. Anybody may
// call it, also with locks held: it never blocks and calls nobody.
func (c *Conn) Ring() {
	for {
		s := c.state.Load()
		switch {
		case s == stateAgain:
			return
		case s == stateBusy && c.state.CompareAndSwap(s, stateAgain):
			return
		case s == stateIdle && c.state.CompareAndSwap(s, stateBusy):
			go c.flush()
			return
		}
	}
}

// Abort closes the connection without another byte.
func (c *Conn) Abort() {
	c.dead.Store(true)
	c.out.Close()
	c.Ring()
}

// flush writes what the peer has until it has nothing more. state is busy.
func (c *Conn) flush() {
	for {
		c.mu.Lock()
		if c.dead.Load() || c.finished {
			c.mu.Unlock()
			c.settle()
			return
		}
		b, err := c.peer.Output()
		if err == ErrLoad {
			if err = c.peer.Load(c.engine.ctx); err == nil {
				c.mu.Unlock()
				continue
			}
			if c.engine.ctx.Err() == nil {
				c.mu.Unlock()
				c.pause()
				continue
			}
		}
		c.finished = err == io.EOF
		c.mu.Unlock()
		switch {
		case err == io.EOF:
			c.finish()
			return
		case err != nil:
			c.Abort()
		case len(b) > 0:
			c.blocked.Store(true)
			_, err = c.out.Write(b)
			c.blocked.Store(false)
			if err != nil {
				c.Abort()
			}
		case c.state.CompareAndSwap(stateBusy, stateIdle):
			c.room.Signal()
			return
		default:
			c.state.Store(stateBusy)
		}
	}
}

// pause waits a second before the store is asked again.
func (c *Conn) pause() {
	select {
	case <-time.After(time.Second):
	case <-c.engine.ctx.Done():
	}
}

// finish half-closes the socket, so that the last bytes are not lost in a reset, and
// leaves the rest to the reader or to the next tick.
func (c *Conn) finish() {
	half, ok := c.socket.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		c.Abort()
		c.settle()
		return
	}
	c.engine.wheel.remove(c)
	c.engine.wheel.add(c, lingering)
	c.room.Signal()
}

// settle ends what is left of a dead connection; for a held stream nobody else does.
func (c *Conn) settle() {
	c.room.Signal()
	if c.socket == nil {
		c.end()
	}
}

// end calls Gone, once.
func (c *Conn) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	c.gone = true
	c.dead.Store(true)
	c.out.Close()
	c.peer.Gone()
	c.engine.wheel.remove(c)
	c.state.Store(stateAgain) // later rings find it busy for ever
	c.engine.mu.Lock()
	delete(c.engine.conns, c)
	c.engine.mu.Unlock()
	c.engine.active.Done()
	if c.done != nil {
		close(c.done)
	}
}

// serve reads until the connection ends.
func (c *Conn) serve(early []byte) {
	defer c.end()
	if len(early) > 0 {
		c.receive(early)
	}
	read := waitingReader(c.socket)
	for {
		err := read(c.receive)
		if err != nil {
			return
		}
	}
}

// receive gives the peer bytes, and waits while it is full.
func (c *Conn) receive(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.finished || c.dead.Load() {
		return
	}
	c.peer.Receive(p)
	for c.peer.Full() && !c.finished && !c.dead.Load() {
		c.room.Wait()
		if !c.peer.Full() {
			c.peer.Receive(nil)
		}
	}
}

func (c *Conn) tick(now time.Time) {
	if !c.mu.TryLock() {
		c.engine.wheel.add(c, 0) // it is at work, so it is not silent
		return
	}
	defer c.mu.Unlock()
	if c.gone {
		return
	}
	if c.finished || c.dead.Load() {
		c.out.Close()
		return
	}
	s := Sending{Blocked: c.blocked.Load()}
	acked, unacked := sent(c.socket)
	s.Pending = s.Blocked || unacked
	s.Progress = acked != c.lastAck
	c.lastAck = acked
	next := c.peer.Tick(now, s)
	if next == Dead {
		c.Abort()
		return
	}
	c.engine.wheel.add(c, next)
}

func (c *Conn) drain(retry time.Duration) {
	c.mu.Lock()
	if !c.gone {
		c.peer.Drain(retry)
	}
	c.mu.Unlock()
	c.Ring()
}

// errReadAll ends a reader whose peer closed.
