package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Leaver is a plain TCP connection that can leave net/http without being hijacked.
// net/http then finds it closed and uses its buffers again, which otherwise are 12 KB
// of garbage. It can do so while nothing was read of it, since it was Idle last, but
// one head of a request.
type Leaver struct {
	*net.TCPConn
	raw syscall.RawConn

	mu   sync.Mutex
	read reading
}

// reading is what has been read of a Leaver.
type reading byte

const (
	nothing reading = iota
	oneHead         // in one piece, and nothing after it
	more
	left // nothing is read any more
)

var errLeft = errors.New("the connection has left")

// Leaving makes a Leaver of what can be one, and returns other connections as they are.
func Leaving(nc net.Conn) net.Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return &Leaver{TCPConn: tcp, raw: raw}
		}
	}
	return nc
}

// Read implements net.Conn. Its errors are those of a net.TCPConn.
func (c *Leaver) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	waited := c.raw.Read(func(fd uintptr) (done bool) {
		n, err = c.readOnce(int(fd), p)
		return err != unix.EAGAIN
	})
	var failed *net.OpError
	switch {
	case errors.As(waited, &failed):
		failed.Op = "read"
		return 0, failed
	case waited != nil:
		return 0, waited
	case err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

var headEnd = []byte("\r\n\r\n")

// readOnce reads what is there. It excludes Leave, so that no byte is read and lost.
func (c *Leaver) readOnce(fd int, p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == left {
		return 0, errLeft
	}
	for {
		if n, err = unix.Read(fd, p); err != unix.EINTR {
			break
		}
	}
	switch {
	case n <= 0:
		n = 0
	case c.read == nothing && bytes.Index(p[:n], headEnd) == n-len(headEnd):
		c.read = oneHead
	default:
		c.read = more
	}
	return n, err
}

// Idle says that net/http has done with a request and waits for the next, so that
// what was one head is nothing again.
func (c *Leaver) Idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == oneHead {
		c.read = nothing
	}
}

// Leave takes the socket away from net/http, for Park. It fails if more was read than
// one head, or if there is no descriptor left: hijack it then.
func (c *Leaver) Leave() (net.Conn, bool) {
	fd := c.leave()
	if fd < 0 {
		return nil, false
	}
	_ = c.TCPConn.Close() // waits for its reader, which may want mu
	return &loose{fd: fd}, true
}

func (c *Leaver) leave() (fd int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read != oneHead {
		return -1
	}
	if fd = duplicate(c.TCPConn); fd >= 0 {
		c.read = left
	}
	return fd
}

// duplicate returns a second descriptor of a socket, of which Go's poller knows
// nothing; -1 if there is none left.
func duplicate(tcp *net.TCPConn) int {
	fd := -1
	control(tcp, func(old int) { fd, _ = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0) })
	return fd
}

// loose is a socket on its way into the engine. All it can do is to be closed.
type loose struct {
	net.Conn
	fd int
}

func (l *loose) Close() error { return unix.Close(l.fd) }

// unwrap returns what a Leaver that stays one for net/http wraps.
func unwrap(nc net.Conn) net.Conn {
	if l, ok := nc.(*Leaver); ok {
		return l.TCPConn
	}
	return nc
}
