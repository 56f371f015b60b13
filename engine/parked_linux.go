package engine

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-server/parley/internal/rawio"
)

// loops share the parked descriptors. Each has two goroutines: one waits for events
// of its epoll set (in Go's own poller, so that no thread is blocked by it), the
// other writes to the connections that were rung for.
//
//	event ──▶ readable, not blocked ─┐
//	                                 ├──▶ serve: read and write until neither makes progress
//	ring ───▶ dirty list ────────────┘
//
// Both serve under the connection's mu. Epoll is edge-triggered and a descriptor is
// registered once: the flags remember a read that filled its buffer and a write that
// fell short.
type loops struct {
	each []*loop
	next atomic.Uint32
}

type loop struct {
	// fixed after construction
	engine *Engine
	epoll  *os.File
	fd     int // of epoll; asking the file for it would make it block
	raw    syscall.RawConn
	wake   chan struct{} // something is on the dirty list

	mu    sync.Mutex
	dirty []*Conn
}

func (ls *loops) open(e *Engine) error {
	for range runtime.GOMAXPROCS(0) {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			ls.close()
			return fmt.Errorf("make an epoll set: %w", err)
		}
		_ = unix.SetNonblock(fd, true) // so that os.NewFile gives it to Go's poller
		l := &loop{engine: e, fd: fd, epoll: os.NewFile(uintptr(fd), "epoll"), wake: make(chan struct{}, 1)}
		if l.raw, err = l.epoll.SyscallConn(); err != nil {
			ls.close()
			return fmt.Errorf("wait for an epoll set: %w", err)
		}
		ls.each = append(ls.each, l)
	}
	return nil
}

func (ls *loops) run(ctx context.Context, running *sync.WaitGroup) {
	for _, l := range ls.each {
		running.Go(l.events)
		running.Go(func() { l.writes(ctx) })
		context.AfterFunc(ctx, func() { _ = l.epoll.SetReadDeadline(time.Now()) })
	}
}

func (ls *loops) close() {
	for _, l := range ls.each {
		_ = l.epoll.Close()
	}
}

func (ls *loops) parks() bool { return true }

func (ls *loops) some() *loop { return ls.each[ls.next.Add(1)%uint32(len(ls.each))] }

// parkLocked takes a socket's descriptor away from Go's poller. It fails for anything
// but a plain socket.
func (ls *loops) parkLocked(c *Conn, nc net.Conn, early []byte) bool {
	fd := -1
	switch nc := nc.(type) {
	case *loose:
		fd = nc.fd
	case *net.TCPConn:
		if fd = duplicate(nc); fd >= 0 {
			_ = nc.Close()
		}
	}
	if fd < 0 {
		return false
	}
	l := ls.some()
	c.fd, c.loop = int32(fd), l
	// An event names the connection, not the descriptor, which may belong to another connection by then.
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET&0xFFFFFFFF,
		Fd:     c.number,
		Pad:    int32(c.birth),
	}
	if c.is(deaf) {
		ev.Events &^= unix.EPOLLIN
	}
	if err := unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		l.engine.closeLocked(c)
		return true
	}
	c.dirty.Store(idle)
	if len(early) == 0 || l.receiveLocked(c, early) {
		l.serveLocked(c)
	}
	return true
}

// watch makes a loop report when there is something to read from a socket that stays in
// Go's poller, too, since TLS reads and writes it. It fails for other connections.
func (ls *loops) watch(c *Conn, nc net.Conn) bool {
	socket, ok := netConn(nc).(*Detacher)
	if !ok {
		return false
	}
	l := ls.some()
	ev := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLET&0xFFFFFFFF, Fd: c.number, Pad: int32(c.birth)}
	var err error
	closed := socket.raw.Control(func(fd uintptr) { err = unix.EpollCtl(l.fd, unix.EPOLL_CTL_ADD, int(fd), &ev) })
	return closed == nil && err == nil
}

// push puts a connection on the dirty list.
func (l *loop) push(c *Conn) {
	l.mu.Lock()
	first := len(l.dirty) == 0
	l.dirty = append(l.dirty, c)
	l.mu.Unlock()
	if first {
		select {
		case l.wake <- struct{}{}:
		default:
		}
	}
}

// writes serves the connections that were rung for.
func (l *loop) writes(ctx context.Context) {
	var batch []*Conn
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		}
		for {
			l.mu.Lock()
			batch, l.dirty = l.dirty, batch[:0]
			l.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			for i, c := range batch {
				batch[i] = nil
				c.dirty.Store(idle)
				c.mu.Lock()
				l.serveLocked(c)
				c.mu.Unlock()
			}
		}
	}
}

// events serves the connections whose sockets have become ready.
func (l *loop) events() {
	evs := make([]unix.EpollEvent, 256)
	for {
		n := 0
		err := l.raw.Read(func(fd uintptr) bool {
			var err error
			n, err = rawio.Events(int(fd), evs)
			return n > 0 || err != nil
		})
		if err != nil || n <= 0 {
			return // the deadline, or the file was closed
		}
		for _, ev := range evs[:n] {
			if c := l.engine.table.find(ev.Fd, uint32(ev.Pad)); c != nil {
				l.event(c, ev.Events)
			}
		}
	}
}

func (l *loop) event(c *Conn, events uint32) {
	if g := c.slow.Load(); g != nil { // it is watched
		g.look(c)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if events&unix.EPOLLOUT != 0 {
		c.clear(blocked)
	}
	switch {
	case events&(unix.EPOLLERR|unix.EPOLLHUP) != 0, c.is(deaf|finished) && events&unix.EPOLLRDHUP != 0:
		l.engine.closeLocked(c)
		return
	case events&unix.EPOLLRDHUP != 0:
		c.set(readable | hungUp)
	case events&unix.EPOLLIN != 0:
		c.set(readable)
	}
	l.serveLocked(c)
}

// turns is how many times in a row a connection is read before it is another's turn.
const turns = 8

// serveLocked reads and writes until neither makes progress. c.mu is held.
func (l *loop) serveLocked(c *Conn) {
	for turn := 0; !c.is(gone); turn++ {
		if l.engine.held() {
			return // all are rung when it ends
		}
		if turn == turns {
			c.Ring()
			return
		}
		if c.is(working) {
			c.set(rung)
			return
		}
		wrote, ok := l.writeLocked(c)
		switch {
		case !ok:
			return
		case c.is(full) && (turn == 0 || wrote): // perhaps no longer
			if !l.receiveLocked(c, nil) {
				return
			}
		case !c.is(readable) || c.is(full|finished|working) || !l.readLocked(c):
			return
		}
	}
}

// readLocked reads once. It returns false if the connection was closed.
func (l *loop) readLocked(c *Conn) bool {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	n, err := rawio.Read(int(c.fd), buf[:])
	switch {
	case n > 0:
		if n < len(buf) && !c.is(hungUp) {
			c.clear(readable) // more would be another event, but the end was announced with these
		}
		return l.receiveLocked(c, buf[:n])
	case err == unix.EAGAIN:
		c.clear(readable)
		return true
	}
	l.engine.closeLocked(c)
	return false
}

// receiveLocked passes bytes to the peer. It returns false if it must wait for work.
func (l *loop) receiveLocked(c *Conn, p []byte) bool {
	if c.is(deaf | finished) {
		return true
	}
	work, isFull := c.peer.Receive(p)
	if c.clear(full); isFull {
		c.set(full)
	}
	if work == nil {
		return true
	}
	c.set(full) // Receive must be called again, with nil
	l.elsewhere(c, work)
	return false
}

// elsewhere runs blocking work on the pool; until it is done the peer is not called.
func (l *loop) elsewhere(c *Conn, work func()) {
	c.set(working)
	l.engine.pool.do(func() {
		work()
		c.mu.Lock()
		defer c.mu.Unlock()
		l.engine.workedLocked(c)
		if c.is(gone) {
			c.peer.Gone()
			l.engine.forget(c)
			return
		}
		l.serveLocked(c)
	})
}

// writeLocked writes the peer's output and reports whether there was any. It is not ok if the
// connection waits for a load or was closed; being blocked does not prevent reading.
func (l *loop) writeLocked(c *Conn) (wrote, ok bool) {
	for !c.is(blocked | finished) {
		b, err := c.peer.Output()
		switch {
		case err == ErrLoad:
			l.elsewhere(c, func() { l.load(c) })
			return wrote, false
		case err == ErrReturn:
			l.returnLocked(c)
			return wrote, false
		case err == io.EOF:
			if c.set(finished); c.is(hungUp) {
				l.engine.closeLocked(c)
				return wrote, false
			}
			_ = unix.Shutdown(int(c.fd), unix.SHUT_WR)
			l.engine.table.put(c, lingering)
			return wrote, true
		case err != nil:
			l.engine.closeLocked(c)
			return wrote, false
		case len(b) == 0:
			return wrote, true
		}
		wrote = true
		n, err := rawio.Write(int(c.fd), b)
		switch {
		case err != nil && err != unix.EAGAIN:
			l.engine.closeLocked(c)
			return wrote, false
		case n < len(b):
			c.set(blocked)
			c.peer.Unsent(b, n)
		}
	}
	return wrote, true
}

// load calls the peer's Load, and again a second after an error.
func (l *loop) load(c *Conn) {
	for c.peer.Load(l.engine.ctx) != nil {
		select {
		case <-time.After(time.Second):
		case <-l.engine.ctx.Done():
			return
		}
	}
}

// closeLocked closes a parked connection. Gone follows when no work is under way.
func (e *Engine) closeLocked(c *Conn) {
	if c.is(gone) {
		return
	}
	c.set(gone)
	rawio.Close(int(c.fd))
	c.fd = -1
	if !c.is(working) {
		c.peer.Gone()
		e.forget(c)
	}
}

// returnLocked takes a descriptor out of the engine and passes it to its peer, as a
// connection of Go again. If the client has left by then, it is closed.
func (l *loop) returnLocked(c *Conn) {
	back, ok := c.peer.(Returner)
	if !ok || c.is(hungUp) {
		l.engine.closeLocked(c)
		return
	}
	_ = unix.EpollCtl(l.fd, unix.EPOLL_CTL_DEL, int(c.fd), nil)
	fd := int(c.fd)
	c.set(gone)
	c.fd = -1
	c.peer.Gone()
	l.engine.pool.do(func() {
		defer l.engine.forget(c)
		if nc, err := ordinary(fd); err == nil {
			back.Return(nc)
		}
	})
}
