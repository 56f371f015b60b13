//go:build unix

package engine

import (
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// bare is a socket without the state of a net.TCPConn, mainly its two addresses. It stays in
// Go's poller: closing it wakes its readers and writers.
type bare struct{ *os.File }

// strip converts a connection to a bare socket and closes the connection; it does neither when
// no descriptor is left.
func strip(tcp *net.TCPConn) (b bare, ok bool) {
	fd := duplicate(tcp)
	if fd < 0 {
		return bare{}, false
	}
	_ = tcp.Close()
	return bare{os.NewFile(uintptr(fd), "")}, true
}

// duplicate returns a second descriptor of a socket, which is not in Go's poller; -1 if none is
// left.
func duplicate(tcp *net.TCPConn) int {
	fd := -1
	control(tcp, func(old int) { fd, _ = unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0) })
	return fd
}

// CloseWrite half-closes the socket.
func (b bare) CloseWrite() error {
	err := os.ErrClosed
	control(b, func(fd int) { err = unix.Shutdown(fd, unix.SHUT_WR) })
	return err
}

var bareReader = reader{
	func(b io.Closer, take func([]byte)) error { return b.(bare).read(take) },
	func(b io.Closer) error { return b.(bare).await() },
}

// await waits for bytes or the end on a stack that need not grow, and allocates nothing.
func (b bare) await() error {
	raw, err := b.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(ready)
}

// ready reports whether a read would not block.
func ready(fd uintptr) bool {
	ask := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(ask[:], 0)
	return n != 0 || err != nil
}

// read reads what is available.
func (b bare) read(take func([]byte)) error {
	raw, err := b.SyscallConn()
	if err != nil {
		return err
	}
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	n := 0
	closed := raw.Read(func(fd uintptr) bool {
		for {
			if n, err = unix.Read(int(fd), buf[:]); err != unix.EINTR {
				return true
			}
		}
	})
	switch {
	case closed != nil:
		return closed
	case err == unix.EAGAIN:
		return errNothing
	case err != nil:
		return err
	case n == 0:
		return io.EOF
	}
	take(buf[:n])
	return nil
}

// control calls a function with the descriptor of a connection, or of the one that it wraps.
func control(socket any, do func(fd int)) {
	if nc, ok := socket.(net.Conn); ok {
		socket = netConn(nc)
	}
	if sc, ok := socket.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { do(int(fd)) })
		}
	}
}
