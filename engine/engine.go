package engine

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Config of an Engine. The zero value works.
type Config struct {
	Grain    time.Duration    // the precision of ticks; 100 ms
	Portable bool             // use a goroutine for every connection, even where descriptors could be parked
	Clock    func() time.Time // time.Now; only differences are used
}

// Engine holds the connections of a process.
type Engine struct {
	// fixed after construction
	portable bool
	table    table
	loops    loops
	pool     pool
	pause    pause
	visits   visits
	ctx      context.Context // of loads; ended by Close. Not a caller's
	stop     context.CancelFunc

	open    atomic.Int64 // connections
	writers atomic.Int64 // of them, those whose bytes go to a writer
	active  sync.WaitGroup
}

// New creates an engine. It needs Run for its ticks and for the descriptors it parks. The error
// is the system's: no descriptors left for epoll.
func New(cfg Config) (*Engine, error) {
	if cfg.Grain == 0 {
		cfg.Grain = 100 * time.Millisecond
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	e := &Engine{portable: cfg.Portable, table: newTable(cfg.Grain, cfg.Clock)}
	e.ctx, e.stop = context.WithCancel(context.Background())
	return e, e.loops.open(e)
}

// Run turns the wheel and waits for descriptors until ctx ends.
func (e *Engine) Run(ctx context.Context) error {
	var running sync.WaitGroup
	defer running.Wait()
	e.loops.run(ctx, &running)
	var due []*Conn
	defer e.serveAgain(0)
	e.begun(ctx)
	for e.table.wait(ctx) {
		e.begun(ctx)
		now := e.Now()
		due = e.table.advance(now, due[:0])
		for _, c := range due {
			e.tick(c, now)
		}
		clear(due)
	}
	return nil
}

// Len returns the number of connections.
func (e *Engine) Len() int { return int(e.open.Load()) }

// Sockets returns how many of them have their own socket: those that were parked.
func (e *Engine) Sockets() int { return int(e.open.Load() - e.writers.Load()) }

// Park hands a socket over to the engine. early are bytes that were already read from it; with
// listen false nothing more is read, and only the client's end is noticed. first is the time
// until the first tick. The socket, whose listener should have been tuned by TuneListener, is
// closed when the peer is Gone. Connections from Detach may be passed only to an engine that
// Parks.
func (e *Engine) Park(c *Conn, nc net.Conn, early []byte, peer Peer, listen bool, first time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = peer
	if !listen {
		c.flags = deaf
	}
	if !e.enter(c, first) {
		nc.Close()
		peer.Gone()
		return
	}
	if nc = unwrap(nc); e.portable || !e.loops.parkLocked(c, nc, early) {
		e.goPark(c, nc, early)
	}
}

// Parks reports whether plain sockets need no goroutine here and can be given back.
func (e *Engine) Parks() bool { return !e.portable && e.loops.parks() }

// Hold drives a peer whose bytes go to w, such as an HTTP/2 stream, and returns when the peer
// has finished or ctx, which is the client's, has ended. w is closed only to interrupt a write.
func (e *Engine) Hold(ctx context.Context, c *Conn, w io.WriteCloser, peer Peer, first time.Duration) {
	c.mu.Lock()
	c.peer = peer
	entered := e.enter(c, first)
	if entered {
		e.writers.Add(1)
		defer e.writers.Add(-1)
		e.goStart(c, &goroutine{engine: e, out: w, done: make(chan struct{})})
	} else {
		peer.Gone()
	}
	c.mu.Unlock()
	if entered {
		c.slow.Load().hold(ctx, c)
	}
}

// enter adds a connection, unless the engine is closed. c.mu is held, so that it is complete
// for every goroutine that finds it in the table.
func (e *Engine) enter(c *Conn, first time.Duration) bool {
	if !e.table.add(c, first) {
		return false
	}
	e.open.Add(1)
	e.active.Add(1)
	return true
}

// all returns the connections that are open now.
func (e *Engine) all() []*Conn { return e.table.all() }

// Drain calls every peer's Drain, spread over the window, and returns when all connections are
// gone or ctx ends; connections that arrive during it are drained at once. retry returns for
// each client the delay after which to reconnect.
func (e *Engine) Drain(ctx context.Context, window time.Duration, retry func() time.Duration) {
	told := map[*Conn]bool{}
	const step = 10 * time.Millisecond
	for e.Len() > 0 {
		var next []*Conn
		for _, c := range e.all() {
			if !told[c] {
				next = append(next, c)
			}
		}
		some := len(next)
		if steps := int(window / step); steps > 1 {
			some = (some + steps - 1) / steps
		}
		for _, c := range next[:some] {
			told[c] = true
			e.drain(c, retry())
		}
		window -= step
		select {
		case <-time.After(step):
		case <-ctx.Done():
			return
		}
	}
}

// Visit calls f with the peer of every connection that is open now, serialized with the engine's
// own calls of the peer, and rings the connection if f returns true. It does not wait for peers at
// work: they are visited when that is done, before any other call.
func (e *Engine) Visit(f func(Peer) bool) {
	for _, c := range e.all() {
		e.VisitOne(c, f)
	}
}

// Close ends every connection at once and waits until each peer is Gone.
func (e *Engine) Close() {
	conns := e.table.close()
	e.stop()
	for _, c := range conns {
		c.mu.Lock()
		e.abortLocked(c)
		c.mu.Unlock()
	}
	e.active.Wait()
	e.loops.close()
}
