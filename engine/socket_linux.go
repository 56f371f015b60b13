package engine

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TuneListener is a net.ListenConfig.Control. Connections inherit from the listener a limit on
// unsent bytes in the kernel, and a timeout for peers that acknowledge nothing (RFC 5482). It
// ignores options that the system refuses.
func TuneListener(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 64<<10)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(90*time.Second/time.Millisecond))
	})
}

// sentLocked returns how many bytes the client's TCP has acknowledged (the low bits of
// that number), and whether others are pending.
func (c *Conn) sentLocked() (acked uint32, pending bool) {
	g := c.slow.Load()
	if g == nil {
		return sent(int(c.fd))
	}
	if g.blocked.Load() {
		c.set(blocked)
	} else {
		c.clear(blocked)
	}
	if g.done != nil {
		return g.pieces.Load(), false
	}
	control(g.out, func(fd int) { acked, pending = sent(fd) })
	return acked, pending
}

func sent(fd int) (acked uint32, pending bool) {
	var info unix.TCPInfo // unix.GetsockoptTCPInfo would allocate one
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_TCP, unix.TCP_INFO, uintptr(unsafe.Pointer(&info)),
		uintptr(unsafe.Pointer(&size)), 0)
	return uint32(info.Bytes_acked), errno == 0 && (info.Unacked > 0 || info.Notsent_bytes > 0)
}
