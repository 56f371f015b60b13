package rawio

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// conn is a TCP connection that uses Read and Write. It waits in Go's poller.
type conn struct {
	*net.TCPConn
	raw         syscall.RawConn
	reads, puts half
}

// DeadAfter returns a net.Dialer's Control: a connection ends when the other host has not confirmed for so long that it received
// something (TCP_USER_TIMEOUT). A process there that does not read is not meant: its host confirms for it.
func DeadAfter(d time.Duration) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			// It fails for what is no TCP connection.
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(d/time.Millisecond))
		})
	}
}

// half is one direction of a connection.
type half struct {
	mu   sync.Mutex
	step func(fd uintptr) (done bool) // made once, so that a call allocates nothing

	// of the call in progress
	p   []byte
	n   int
	err error
}

// Wrap returns nc with such calls if it is a TCP connection, else nc.
func Wrap(nc net.Conn) net.Conn {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nc
	}
	c := &conn{TCPConn: tcp, raw: raw}
	c.reads.step = c.reads.read
	c.puts.step = c.puts.write
	return c
}

func (h *half) read(fd uintptr) bool {
	h.n, h.err = Read(int(fd), h.p)
	return h.err != unix.EAGAIN
}

func (h *half) write(fd uintptr) bool {
	for h.n < len(h.p) {
		n, err := Write(int(fd), h.p[h.n:min(len(h.p), h.n+1<<30)])
		if err == unix.EAGAIN {
			return false
		}
		if h.n += n; err != nil {
			h.err = err
			return true
		}
	}
	return true
}

// do calls a wait of the poller with step until that is done.
func (h *half) do(wait func(func(uintptr) bool) error, p []byte) (n int, failed, late error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.p, h.n, h.err = p, 0, nil
	late = wait(h.step)
	h.p = nil
	return h.n, h.err, late
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, failed, late := c.reads.do(c.raw.Read, p)
	switch {
	case late != nil || failed != nil:
		return 0, c.failed("read", failed, late)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	n, failed, late := c.puts.do(c.raw.Write, p)
	return n, c.failed("write", failed, late)
}

// failed returns the error of a call as net.TCPConn does; nil if there was none.
func (c *conn) failed(op string, failed, late error) error {
	switch inner := (*net.OpError)(nil); {
	case late == nil && failed == nil:
		return nil
	case late == nil || failed != nil && failed != unix.EAGAIN:
		late = os.NewSyscallError(op, failed)
	case errors.As(late, &inner):
		late = inner.Err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: late}
}

// ReadFrom implements io.ReaderFrom by Write.
func (c *conn) ReadFrom(r io.Reader) (int64, error) { return io.Copy(struct{ io.Writer }{c}, r) }

// WriteTo implements io.WriterTo by Read.
func (c *conn) WriteTo(w io.Writer) (int64, error) { return io.Copy(w, struct{ io.Reader }{c}) }
