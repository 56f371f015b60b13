package engine

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-server/parley/internal/rawio"
)

// Detacher is a plain TCP connection that can leave net/http without being hijacked. net/http
// then finds it closed and reuses its buffers, which otherwise are 12 KB of garbage. It can
// leave as long as nothing but one request head was read from it since it was last Idle.
type Detacher struct {
	*net.TCPConn
	raw syscall.RawConn

	// Instead returns what is written instead of a whole write p, nil for p itself. It must be
	// set before the connection is used.
	Instead func(p []byte) []byte

	// Patience is for how long a client may accept nothing of what is written to it before the
	// write fails; 0: without limit. It must be set like Instead.
	Patience time.Duration

	impatient bool        // its reader's: reading fails instead of waiting
	bounded   atomic.Bool // a deadline for writes was set

	mu   sync.Mutex
	read reading
}

// reading is what has been read of a Detacher.
type reading byte

const (
	nothing reading = iota
	oneHead         // in one piece, and nothing after it
	more
	left // nothing is read any more
)

var errLeft = errors.New("the connection has left")

// Detaching wraps a connection in a Detacher if it can be one, and returns other connections
// unchanged.
func Detaching(nc net.Conn) net.Conn {
	if tcp, ok := nc.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			return &Detacher{TCPConn: tcp, raw: raw}
		}
	}
	return nc
}

// Read implements net.Conn. Its errors are those of a net.TCPConn.
func (c *Detacher) Read(p []byte) (n int, err error) {
	if len(p) == 0 {
		return 0, nil
	}
	waited := c.raw.Read(func(fd uintptr) (done bool) {
		n, err = c.readOnce(int(fd), p)
		return err != unix.EAGAIN || c.impatient
	})
	var failed *net.OpError
	switch {
	case errors.As(waited, &failed):
		failed.Op = "read"
		return 0, failed
	case waited != nil:
		return 0, waited
	case err == unix.EAGAIN:
		return 0, os.ErrDeadlineExceeded
	case err != nil:
		return 0, &net.OpError{Op: "read", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: os.NewSyscallError("read", err)}
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *Detacher) Write(p []byte) (int, error) {
	if c.Instead != nil {
		if b := c.Instead(p); b != nil {
			_, err := c.write(b)
			return len(p), err
		}
	}
	return c.write(p)
}

// write writes everything. Only if the client is slow it sets a deadline, which moves with each
// byte that the client accepts.
func (c *Detacher) write(p []byte) (all int, err error) {
	waits := false
	for all < len(p) && err == nil {
		n := 0
		var failed error
		waited := c.raw.Write(func(fd uintptr) (done bool) {
			n, failed = rawio.Write(int(fd), p[all:min(len(p), all+1<<30)])
			return failed != unix.EAGAIN || !waits
		})
		all += max(n, 0)
		switch {
		case waited != nil:
			err = &net.OpError{Op: "write", Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: reason(waited)}
		case failed != nil && failed != unix.EAGAIN:
			err = &net.OpError{
				Op:     "write",
				Net:    "tcp",
				Source: c.LocalAddr(),
				Addr:   c.RemoteAddr(),
				Err:    os.NewSyscallError("write", failed),
			}
		case all < len(p):
			waits = true
			if c.Patience > 0 && !c.bounded.Load() {
				_ = c.TCPConn.SetWriteDeadline(time.Now().Add(c.Patience))
			}
		}
	}
	if waits && c.Patience > 0 && !c.bounded.Load() && err == nil {
		_ = c.TCPConn.SetWriteDeadline(time.Time{})
	}
	return all, err
}

// reason returns the error that a net.OpError wraps.
func reason(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// ReadFrom implements io.ReaderFrom, for net/http, by Write.
func (c *Detacher) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

// SetWriteDeadline implements net.Conn. A deadline replaces Patience while it is set.
func (c *Detacher) SetWriteDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	return c.TCPConn.SetWriteDeadline(t)
}

// SetDeadline implements net.Conn.
func (c *Detacher) SetDeadline(t time.Time) error {
	c.bounded.Store(!t.IsZero())
	return c.TCPConn.SetDeadline(t)
}

var headEnd = []byte("\r\n\r\n")

// readOnce reads what is available. It excludes Detach, so that no byte is read and lost.
func (c *Detacher) readOnce(fd int, p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == left {
		return 0, errLeft
	}
	n, err = rawio.Read(fd, p)
	switch {
	case n == 0:
	case c.read == nothing && bytes.Index(p[:n], headEnd) == n-len(headEnd):
		c.read = oneHead
	default:
		c.read = more
	}
	return n, err
}

// await waits until something can be read, or the end.
func (c *Detacher) await() error {
	return c.raw.Read(func(fd uintptr) (done bool) {
		var one [1]byte
		_, err := rawio.Peek(int(fd), one[:])
		return err != unix.EAGAIN
	})
}

// Idle says that net/http has finished a request and waits for the next, so that Detach counts
// from here.
func (c *Detacher) Idle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read == oneHead {
		c.read = nothing
	}
}

// Detach takes the socket away from net/http, for Park. It fails if more was read than one
// head, or if no descriptor is left: the connection must be hijacked then.
func (c *Detacher) Detach() (net.Conn, bool) {
	fd := c.detach()
	if fd < 0 {
		return nil, false
	}
	_ = c.TCPConn.Close() // waits for its reader, which may need mu
	return &loose{fd: fd}, true
}

func (c *Detacher) detach() (fd int) {
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

// loose is a socket on its way into the engine. It can only be closed.
type loose struct {
	net.Conn
	fd int
}

func (l *loose) Close() error {
	rawio.Close(l.fd)
	return nil
}

// lendingReader reads the bytes that TLS decrypts from a Detacher. TLS needs a buffer to read
// into, and has one only while bytes are available; it keeps an incomplete record itself.
func lendingReader(nc net.Conn) *reader {
	l, ok := netConn(nc).(*Detacher)
	if !ok {
		return keepingReader(nc)
	}
	l.impatient = true
	return &lending
}

var lending = reader{
	func(nc io.Closer, take func([]byte)) error {
		err := readOnce(nc.(net.Conn), take)
		if os.IsTimeout(err) {
			return errNothing
		}
		return err
	},
	func(nc io.Closer) error { return netConn(nc.(net.Conn)).(*Detacher).await() },
}

func readOnce(nc net.Conn, take func([]byte)) error {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	n, err := nc.Read(buf[:])
	if n > 0 {
		take(buf[:n])
	}
	return err
}

// unwrap returns the connection inside a Detacher that stays one for net/http.
func unwrap(nc net.Conn) net.Conn {
	if l, ok := nc.(*Detacher); ok {
		return l.TCPConn
	}
	return nc
}
