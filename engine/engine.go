package engine

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// Config of an Engine. The zero value works.
type Config struct {
	Grain time.Duration // how exactly ticks are met; 100 ms
}

// Engine holds the parked connections of a process.
type Engine struct {
	wheel *wheel
	ctx   context.Context // of loads; ended by Close. Not a caller's
	stop  context.CancelFunc

	mu     sync.Mutex
	closed bool
	conns  map[*Conn]struct{}
	active sync.WaitGroup
}

// New makes an engine. It needs Run for its ticks.
func New(cfg Config) *Engine {
	if cfg.Grain == 0 {
		cfg.Grain = 100 * time.Millisecond
	}
	e := &Engine{wheel: newWheel(cfg.Grain), conns: map[*Conn]struct{}{}}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e
}

// Run turns the wheel until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	t := time.NewTicker(e.wheel.grain)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-t.C:
			for _, c := range e.wheel.turn() {
				c.tick(now)
			}
		}
	}
}

// Len is how many connections are parked.
func (e *Engine) Len() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.conns)
}

// NewConn prepares a connection. Its Ring may be called at once; nothing is read or
// written before Park or Hold.
func (e *Engine) NewConn() *Conn {
	c := &Conn{engine: e, slot: -1}
	c.state.Store(stateBusy)
	c.room.L = &c.mu
	return c
}

// Park hands a socket over to the engine. early are bytes that were read from it
// already. first is the time until the first tick.
func (e *Engine) Park(c *Conn, nc net.Conn, early []byte, peer Peer, first time.Duration) {
	c.peer, c.out, c.socket = peer, nc, nc
	tune(nc)
	if !e.start(c, first) {
		return
	}
	go c.serve(early)
}

// Hold drives a peer whose bytes go to w, such as an HTTP/2 stream, and returns when
// the peer has finished or ctx, which is the client's, has ended.
func (e *Engine) Hold(ctx context.Context, c *Conn, w io.WriteCloser, peer Peer, first time.Duration) {
	c.peer, c.out = peer, w
	done := make(chan struct{})
	c.done = done
	if !e.start(c, first) {
		return
	}
	stop := context.AfterFunc(ctx, func() { c.Abort() })
	defer stop()
	<-done
}

// start makes the connection known and lets its first bytes go.
func (e *Engine) start(c *Conn, first time.Duration) bool {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		c.out.Close()
		c.peer.Gone()
		return false
	}
	e.conns[c] = struct{}{}
	e.active.Add(1)
	e.mu.Unlock()
	e.wheel.add(c, first)
	go c.flush()
	return true
}

// Drain tells every client to leave, spread over the window, and returns when all
// are gone or ctx ends. retry gives each client the time after which to come back.
func (e *Engine) Drain(ctx context.Context, window time.Duration, retry func() time.Duration) {
	e.mu.Lock()
	conns := make([]*Conn, 0, len(e.conns))
	for c := range e.conns {
		conns = append(conns, c)
	}
	e.mu.Unlock()
	begin := time.Now()
	for i, c := range conns {
		due := window * time.Duration(i) / time.Duration(len(conns))
		if wait := due - time.Since(begin); wait > 0 {
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				return
			}
		}
		c.drain(retry())
	}
	for tick := time.NewTicker(20 * time.Millisecond); e.Len() > 0; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

// Close ends every connection at once and waits until each peer knows.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	conns := make([]*Conn, 0, len(e.conns))
	for c := range e.conns {
		conns = append(conns, c)
	}
	e.mu.Unlock()
	e.stop()
	for _, c := range conns {
		c.Abort()
	}
	e.active.Wait()
}
