package engine

import (
	"io"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/parley-server/parley/internal/rawio"
)

// Fresh is a TCP connection that was just accepted and is in no poller, since most go on into the engine, which has its own. One
// goroutine looks at what has arrived and then lets it leave, as a stream by Detach or as another connection by Ordinary. Nothing
// waits here: what cannot be done at once fails.
type Fresh struct {
	fd            int // -1: it has left, or was closed
	local, remote net.Addr
}

// Accepting makes l, if it is a plain TCP listener, one whose connections are Fresh; it returns others unchanged.
func Accepting(l net.Listener) net.Listener {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return l
	}
	file, err := tcp.File() // a net.TCPListener lets nobody else wait for its socket
	if err != nil {
		return l
	}
	raw, err := file.SyscallConn()
	if err != nil {
		file.Close()
		return l
	}
	_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) }) // they inherit it
	tcp.Close()
	return &accepting{file, raw, l.Addr()}
}

type accepting struct {
	file *os.File
	raw  syscall.RawConn
	addr net.Addr
}

// Accept implements net.Listener. Its errors are those of a net.TCPListener.
func (a *accepting) Accept() (net.Conn, error) {
	for {
		fd, from, err := -1, unix.RawSockaddrAny{}, error(nil)
		closed := a.raw.Read(func(listener uintptr) (done bool) {
			fd, err = rawio.Accept(int(listener), &from)
			return err != unix.EAGAIN
		})
		switch {
		case closed != nil:
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: a.addr, Err: net.ErrClosed}
		case err == unix.ECONNABORTED: // the client has left the queue
		case err != nil:
			return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: a.addr, Err: os.NewSyscallError("accept4", err)}
		default:
			return &Fresh{fd: fd, local: a.addr, remote: addressOf(&from)}, nil
		}
	}
}

// Close implements net.Listener.
func (a *accepting) Close() error { return a.file.Close() }

// Addr implements net.Listener.
func (a *accepting) Addr() net.Addr { return a.addr }

// addressOf returns the address that the kernel has written.
func addressOf(from *unix.RawSockaddrAny) *net.TCPAddr {
	port := func(p *uint16) int { b := (*[2]byte)(unsafe.Pointer(p)); return int(b[0])<<8 | int(b[1]) } // in network byte order
	if from.Addr.Family == unix.AF_INET {
		in := (*unix.RawSockaddrInet4)(unsafe.Pointer(from))
		return &net.TCPAddr{IP: append(net.IP(nil), in.Addr[:]...), Port: port(&in.Port)}
	}
	in := (*unix.RawSockaddrInet6)(unsafe.Pointer(from))
	at := &net.TCPAddr{IP: append(net.IP(nil), in.Addr[:]...), Port: port(&in.Port)}
	if in.Scope_id != 0 {
		at.Zone = strconv.Itoa(int(in.Scope_id))
	}
	return at
}

// Peek copies bytes that have arrived to p, without consuming them, and returns their number, 0 if there are none.
func (c *Fresh) Peek(p []byte) (n int) {
	n, _ = rawio.Peek(c.fd, p)
	return n
}

// Read implements net.Conn.
func (c *Fresh) Read(p []byte) (int, error) {
	n, err := rawio.Read(c.fd, p)
	if err == nil && n == 0 && len(p) > 0 {
		err = io.EOF
	}
	return n, c.failed("read", err)
}

// Write implements net.Conn.
func (c *Fresh) Write(p []byte) (all int, err error) {
	for all < len(p) && err == nil {
		n := 0
		n, err = rawio.Write(c.fd, p[all:])
		all += n
	}
	return all, c.failed("write", err)
}

func (c *Fresh) failed(op string, err error) error {
	switch {
	case err == nil || err == io.EOF:
		return err
	case err == unix.EAGAIN:
		err = os.ErrDeadlineExceeded
	default:
		err = os.NewSyscallError(op, err)
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}

// Detach takes the socket, for Park. Everything that was read must have been a request's head.
func (c *Fresh) Detach() (net.Conn, bool) {
	fd := c.leave()
	return &loose{fd: fd}, fd >= 0
}

// Ordinary returns a connection as net.TCPListener would have accepted it.
func (c *Fresh) Ordinary() (net.Conn, error) { return ordinary(c.leave()) }

func (c *Fresh) leave() (fd int) {
	fd, c.fd = c.fd, -1
	return fd
}

// ordinary makes a socket a connection in Go's poller. It closes fd.
func ordinary(fd int) (net.Conn, error) {
	file := os.NewFile(uintptr(fd), "")
	if file == nil {
		return nil, net.ErrClosed
	}
	defer file.Close()
	nc, err := net.FileConn(file)
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetKeepAlive(false) // net has switched it on; heartbeats find dead clients
	}
	return nc, err
}

// Close implements net.Conn.
func (c *Fresh) Close() error {
	if fd := c.leave(); fd >= 0 {
		rawio.Close(fd)
	}
	return nil
}

// LocalAddr returns the listener's address.
func (c *Fresh) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Fresh) RemoteAddr() net.Addr { return c.remote }

// SetDeadline implements net.Conn, as do the next two: nothing waits, so there are none.
func (c *Fresh) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *Fresh) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *Fresh) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
