package engine

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// goroutine is the state of a connection that is not parked: one goroutine reads while there is something to read,
// another writes while there is something to write. Where no loop can watch the socket, a third one waits for bytes.
//
//	        ┌──────── nothing more ────────┐
//	        ▼                              │
//	watched by a loop, or await ──bytes──▶ serve ──end──▶ gone
type goroutine struct {
	// fixed after construction
	engine *Engine
	out    io.WriteCloser // the socket, or a held stream
	in     *reader        // of a socket
	done   chan struct{}  // of a held stream: closed when it is gone

	reading atomic.Int32  // as Conn.dirty: busy while a goroutine reads or waits
	room    chan struct{} // guarded by the connection's mu: closed when the peer may have room again; nil if nobody waits
	blocked atomic.Bool   // a write is in progress
	dead    atomic.Bool   // the connection was closed; Gone follows
	pieces  atomic.Uint32 // of a held stream: how many were written, the only measure of what its client reads
}

// goPark serves a socket with goroutines.
func (e *Engine) goPark(c *Conn, nc net.Conn, early []byte) {
	g := &goroutine{engine: e}
	g.out, g.in = waiting(nc)
	e.goStart(c, g)
	if !e.portable && e.loops.watch(c, nc) {
		g.in = &reader{read: g.in.read}
	}
	go g.serve(c, early)
}

func (e *Engine) goStart(c *Conn, g *goroutine) {
	c.slow.Store(g)
	go g.flush(c)
}

// makeRoom wakes a reader that waits for the peer to have room.
func (g *goroutine) makeRoom(c *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g.room != nil {
		close(g.room)
		g.room = nil
	}
}

// awaitRoomLocked waits for makeRoom; c.mu is released while it waits.
func (g *goroutine) awaitRoomLocked(c *Conn) {
	if g.room == nil {
		g.room = make(chan struct{})
	}
	room := g.room
	c.mu.Unlock()
	<-room
	c.mu.Lock()
}

// hold waits until a held stream is gone, or its client.
func (g *goroutine) hold(ctx context.Context, c *Conn) {
	defer context.AfterFunc(ctx, func() {
		c.mu.Lock()
		g.engine.abortLocked(c) // not when its handler has ended, whose writer is closed with it
		c.mu.Unlock()
	})()
	<-g.done
}

// abort closes the connection; its goroutines notice.
func (g *goroutine) abort(c *Conn) {
	g.dead.Store(true)
	g.out.Close()
	if g.done == nil {
		g.look(c)
	} else {
		c.Ring()
	}
}

// look notes that there may be something to read, or the end. It never blocks.
func (g *goroutine) look(c *Conn) {
	for {
		switch s := g.reading.Load(); {
		case s == again:
			return
		case s == busy && g.reading.CompareAndSwap(busy, again):
			return
		case s == idle && g.reading.CompareAndSwap(idle, busy):
			go g.serve(c, nil)
			return
		}
	}
}

// flush writes the peer's output until there is none.
func (g *goroutine) flush(c *Conn) {
	for {
		c.mu.Lock()
		if g.dead.Load() || c.is(finished) {
			c.mu.Unlock()
			g.settle(c)
			return
		}
		if g.engine.held() {
			c.mu.Unlock()
			g.engine.Await(g.engine.ctx)
			continue
		}
		b, err := c.peer.Output()
		if err == ErrLoad {
			err = c.peer.Load(g.engine.ctx)
			c.mu.Unlock()
			if err != nil {
				g.pause(c)
			}
			continue
		}
		if err == ErrReturn { // the reader cannot be interrupted, so it ends instead
			err = io.EOF
		}
		if err == io.EOF {
			c.set(finished)
		}
		c.mu.Unlock()
		switch {
		case err == io.EOF:
			g.finish(c)
			return
		case err != nil:
			g.abort(c)
		case len(b) > 0:
			g.blocked.Store(true)
			err = g.write(b)
			g.blocked.Store(false)
			if err != nil {
				g.abort(c)
			}
		case c.dirty.CompareAndSwap(busy, idle):
			g.makeRoom(c)
			return
		default:
			c.dirty.Store(busy)
		}
	}
}

// piece is so small that a slow client reads it within a heartbeat timeout; it is a frame of
// HTTP/2.
const piece = 16 << 10

// write writes everything, to a held stream in pieces, so that progress is visible.
func (g *goroutine) write(b []byte) error {
	for g.done != nil && len(b) > piece {
		if _, err := g.out.Write(b[:piece]); err != nil {
			return err
		}
		b = b[piece:]
		g.pieces.Add(1)
	}
	_, err := g.out.Write(b)
	g.pieces.Add(1)
	return err
}

// pause waits a second before the store is tried again.
func (g *goroutine) pause(c *Conn) {
	select {
	case <-time.After(time.Second):
	case <-g.engine.ctx.Done():
		g.abort(c)
	}
}

// finish half-closes the socket, so that the last bytes are not lost in a reset, and
// leaves the rest to the reader or the next tick.
func (g *goroutine) finish(c *Conn) {
	if g.done != nil { // its handler ends it
		g.dead.Store(true)
		g.settle(c)
		return
	}
	half, ok := g.out.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		g.abort(c)
		g.settle(c)
		return
	}
	g.engine.table.put(c, lingering)
	g.makeRoom(c)
}

// settle ends a dead connection; for a held stream nothing else does.
func (g *goroutine) settle(c *Conn) {
	g.makeRoom(c)
	if g.done != nil {
		g.end(c)
	}
}

// end calls Gone, once.
func (g *goroutine) end(c *Conn) {
	c.mu.Lock()
	if c.is(gone) {
		c.mu.Unlock()
		return
	}
	c.set(gone)
	g.dead.Store(true)
	if g.done == nil {
		g.out.Close()
	}
	c.peer.Gone()
	c.dirty.Store(again) // later rings find it busy
	c.mu.Unlock()
	g.engine.forget(c)
	if g.done != nil {
		close(g.done)
	}
}

// serve reads until there is nothing more. A new goroutine does the waiting: its stack is as
// small as waiting allows, while this one's has grown, and the collector shrinks no stack below
// 4 KB.
func (g *goroutine) serve(c *Conn, early []byte) {
	if len(early) > 0 {
		g.receive(c, early)
	}
	for {
		switch err := g.in.read(g.out, func(p []byte) { g.receive(c, p) }); {
		case err == nil:
		case err != errNothing:
			g.end(c)
			return
		case g.in.await != nil:
			go g.wait(c)
			return
		case g.reading.CompareAndSwap(busy, idle):
			return
		default:
			g.reading.Store(busy)
		}
	}
}

// wait waits for something to read.
func (g *goroutine) wait(c *Conn) {
	if err := g.in.await(g.out); err != nil {
		g.end(c)
		return
	}
	g.serve(c, nil)
}

// receive passes bytes to the peer, and waits while it is full.
func (g *goroutine) receive(c *Conn, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.is(finished|deaf) && !g.dead.Load() {
		if g.engine.held() {
			c.mu.Unlock()
			g.engine.Await(g.engine.ctx)
			c.mu.Lock()
			continue
		}
		work, isFull := c.peer.Receive(p)
		switch {
		case work != nil:
			work()
		case isFull:
			if p != nil { // with nil it would ring endlessly
				c.Ring()
			}
			g.awaitRoomLocked(c)
		default:
			c.Ring() // it may have an answer
			return
		}
		p = nil
	}
}
