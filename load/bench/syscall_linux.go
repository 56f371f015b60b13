package bench

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The loop's system calls, without Go's announcement to its scheduler that they may block: nonblocking sockets never do,
// and closing one that does not linger does not either. Each function has the arguments of the call in its manual page.

// result returns what a system call returned, or its errno as an error.
func result(value, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(value), nil
}

// newSocket is socket(2), of a nonblocking TCP socket for addresses of a socketAddress's family.
func newSocket(a *socketAddress) (fd int, err error) {
	return result(unix.RawSyscall(unix.SYS_SOCKET, uintptr(a.family()), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
}

// setOption is setsockopt(2). The value is an int, or a struct of ints.
func setOption(fd, level, name int, value ...int32) error {
	p, size := unsafe.Pointer(unsafe.SliceData(value)), 4*len(value)
	_, err := result(unix.RawSyscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(name), uintptr(p), uintptr(size), 0))
	return err
}

// bind is bind(2).
func bind(fd int, a *socketAddress) error {
	_, err := result(unix.RawSyscall(unix.SYS_BIND, uintptr(fd), uintptr(unsafe.Pointer(a)), uintptr(a.size())))
	return err
}

// connect is connect(2). It returns EINPROGRESS if the connection is not established yet.
func connect(fd int, a *socketAddress) error {
	_, err := result(unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(a)), uintptr(a.size())))
	return err
}

// read is read(2). It returns EAGAIN if nothing can be read, and 0 at the end.
func read(fd int, p []byte) (n int, err error) {
	return result(unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// write is write(2). It returns EAGAIN if nothing can be written.
func write(fd int, p []byte) (n int, err error) {
	return result(unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
}

// closeSocket is close(2).
func closeSocket(fd int) { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// control is epoll_ctl(2), with fd as the event's data.
func control(epoll, op, fd int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, err := result(unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&e)), 0, 0))
	return err
}

// pending is epoll_pwait(2) without waiting.
func pending(epoll int, events []unix.EpollEvent) (n int, err error) {
	p := unsafe.Pointer(unsafe.SliceData(events))
	return result(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(p), uintptr(len(events)), 0, 0, 0))
}

// socketAddress is an address and port as the kernel reads them: a sockaddr_in (ip(7)) or a sockaddr_in6 (ipv6(7)).
type socketAddress [unix.SizeofSockaddrInet6]byte

func newSocketAddress(a netip.AddrPort) (s socketAddress) {
	binary.BigEndian.PutUint16(s[2:], a.Port())
	if a.Addr().Is4() {
		binary.NativeEndian.PutUint16(s[:], unix.AF_INET)
		*(*[4]byte)(s[4:]) = a.Addr().As4()
	} else {
		binary.NativeEndian.PutUint16(s[:], unix.AF_INET6)
		*(*[16]byte)(s[8:]) = a.Addr().As16() // after the flow
	}
	return s
}

func (s *socketAddress) family() uint16 { return binary.NativeEndian.Uint16(s[:]) }

func (s *socketAddress) size() int {
	if s.family() == unix.AF_INET {
		return unix.SizeofSockaddrInet4
	}
	return unix.SizeofSockaddrInet6
}
