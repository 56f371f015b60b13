//go:build linux

package bench

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// loop is the one goroutine of a worker: it serves an epoll set and functions posted by others, and
// calls its owner's turn every few milliseconds. It does not share code with the server's engine,
// so that a bug there cannot hide itself here.
//
// It waits in Go's own poller, and its system calls are not announced to Go's scheduler (see syscall_linux.go).
type loop struct {
	epoll, bell int
	file        *os.File // of epoll
	deadline    time.Time
	raw         syscall.RawConn
	readers     []*reader // by descriptor
	buf         [256 << 10]byte

	mu    sync.Mutex
	posts []func()
}

// turnEvery is how often the loop calls turn while there is something to do, idleTurn how often otherwise: many
// processes that wake up for nothing take CPU time from those that work.
const (
	turnEvery = 5 * time.Millisecond
	idleTurn  = time.Second
)

func newLoop() (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make an epoll set: %w", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("make an eventfd: %w", err)
	}
	_ = unix.SetNonblock(epoll, true) // so that os.NewFile gives it to Go's poller
	l := &loop{epoll: epoll, bell: bell, file: os.NewFile(uintptr(epoll), "epoll")}
	if l.raw, err = l.file.SyscallConn(); err != nil {
		return nil, fmt.Errorf("wait for an epoll set: %w", err)
	}
	return l, control(epoll, unix.EPOLL_CTL_ADD, bell, unix.EPOLLIN)
}

// do makes the loop call f and waits until it has.
func (l *loop) do(f func()) {
	done := make(chan struct{})
	l.mu.Lock()
	l.posts = append(l.posts, func() { f(); close(done) })
	l.mu.Unlock()
	_, _ = write(l.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	<-done
}

// run serves until the process ends. turn may open and close connections; it reports whether it will soon have more
// to do.
func (l *loop) run(turn func() bool) error {
	events := make([]unix.EpollEvent, 256)
	next, every := time.Now(), turnEvery
	for {
		n, err := l.wait(events, every)
		if err != nil {
			return fmt.Errorf("wait for descriptors: %w", err)
		}
		for i := range max(n, 0) {
			l.ready(&events[i])
		}
		l.mu.Lock()
		posts := l.posts
		l.posts = nil
		l.mu.Unlock()
		for _, f := range posts {
			f()
		}
		if now := time.Now(); n < len(events) || now.After(next) {
			if every = idleTurn; turn() {
				every = turnEvery
			}
			next = now.Add(turnEvery)
		}
	}
}

// wait waits for events, for at least half of timeout and at most timeout: setting a deadline costs as much as the system
// call, so several waits share one.
func (l *loop) wait(events []unix.EpollEvent, timeout time.Duration) (n int, err error) {
	now := time.Now()
	if left := l.deadline.Sub(now); left < timeout/2 || left > timeout {
		l.deadline = now.Add(timeout)
		if err := l.file.SetReadDeadline(l.deadline); err != nil {
			return 0, err
		}
	}
	late := l.raw.Read(func(fd uintptr) bool {
		if n, err = pending(int(fd), events); err == unix.EINTR {
			err = nil
			return true
		}
		return n > 0 || err != nil
	})
	if late != nil && !errors.Is(late, os.ErrDeadlineExceeded) {
		return 0, late
	}
	return n, err
}

func (l *loop) ready(e *unix.EpollEvent) {
	fd := int(e.Fd)
	if fd == l.bell {
		var b [8]byte
		_, _ = read(fd, b[:])
		return
	}
	r := l.readers[fd]
	if r == nil {
		return
	}
	if e.Events&unix.EPOLLOUT != 0 {
		l.flush(r)
	}
	if e.Events&^unix.EPOLLOUT != 0 && r.fd >= 0 {
		l.read(r)
	}
}

// read passes on what has arrived. The set is level-triggered, so the rest is reported again.
func (l *loop) read(r *reader) {
	n, err := read(r.fd, l.buf[:])
	switch {
	case n > 0:
		r.swarm.tally.Bytes += int64(n)
		waited := len(r.out) > 0
		if err = r.take(l.buf[:n], time.Now().UnixNano()); err == nil {
			if !waited && len(r.out) > 0 {
				l.flush(r)
			}
			return
		}
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err == nil:
		err = io.EOF
	}
	r.swarm.broken(r, err)
}

// flush writes pending output. If some remains, it watches for the socket to be writable.
func (l *loop) flush(r *reader) {
	before := len(r.out)
	n, err := write(r.fd, r.out)
	switch {
	case n == before:
		r.out = nil
	case err == nil, err == unix.EAGAIN, err == unix.EINTR, err == unix.ENOTCONN:
		r.out = r.out[n:]
	default:
		r.swarm.broken(r, err)
		return
	}
	interest := r.interest &^ unix.EPOLLOUT
	if len(r.out) > 0 {
		interest |= unix.EPOLLOUT
	}
	if err := l.watch(r, interest); err != nil {
		r.swarm.broken(r, err)
	}
}

// watch changes the events for which the loop watches a reader's socket.
func (l *loop) watch(r *reader, interest uint32) error {
	if interest == r.interest {
		return nil
	}
	r.interest = interest
	return control(l.epoll, unix.EPOLL_CTL_MOD, r.fd, interest)
}

// ignore stops reading. The end of the connection is still noticed.
func (l *loop) ignore(r *reader) { _ = l.watch(r, 0) }

// dial starts a connection and writes the request as soon as it is established; on loopback that is immediately.
func (l *loop) dial(r *reader, to netip.AddrPort, from netip.Addr, request []byte) error {
	address := newSocketAddress(to)
	fd, err := newSocket(&address)
	if err != nil {
		return fmt.Errorf("make a socket: %w", err)
	}
	// Closing resets the connection, so that its port is free again at once.
	err = setOption(fd, unix.SOL_SOCKET, unix.SO_LINGER, 1, 0) // on, for 0 s
	_ = setOption(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if r.swarm.args.Stalled {
		_ = setOption(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 4096)
	}
	if from.IsValid() {
		// connect chooses the port, once the destination is known.
		_ = setOption(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		source := newSocketAddress(netip.AddrPortFrom(from, 0))
		err = errors.Join(err, bind(fd, &source))
	}
	if err == nil {
		if err = connect(fd, &address); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err != nil {
		closeSocket(fd)
		return fmt.Errorf("connect: %w", err)
	}
	switch n, err := write(fd, request); err {
	case nil:
		request = request[n:]
	case unix.EAGAIN, unix.ENOTCONN: // not established yet
	default:
		closeSocket(fd)
		return fmt.Errorf("connect: %w", err)
	}
	interest := uint32(unix.EPOLLIN)
	if len(request) > 0 {
		interest |= unix.EPOLLOUT
	}
	if err := control(l.epoll, unix.EPOLL_CTL_ADD, fd, interest); err != nil {
		closeSocket(fd)
		return fmt.Errorf("watch a socket: %w", err)
	}
	for fd >= len(l.readers) {
		l.readers = append(l.readers, make([]*reader, 1024)...)
	}
	l.readers[fd] = r
	r.fd, r.interest, r.out = fd, interest, request
	return nil
}

func (l *loop) close(r *reader) {
	if r.fd < 0 {
		return
	}
	l.readers[r.fd] = nil
	closeSocket(r.fd)
	r.fd, r.partial, r.out = -1, nil, nil
}
