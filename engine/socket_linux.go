package engine

import (
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tune sets what every parked socket has: a bound on what waits unsent in the
// kernel, and an end to peers that acknowledge nothing (RFC 5482).
func tune(nc net.Conn) {
	control(nc, func(fd int) {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 64<<10)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(90*time.Second/time.Millisecond))
	})
}

// sent tells how many bytes the client's TCP has acknowledged, and whether others wait.
func sent(nc net.Conn) (acked uint64, pending bool) {
	control(nc, func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			acked, pending = info.Bytes_acked, info.Unacked > 0 || info.Notsent_bytes > 0
		}
	})
	return acked, pending
}

func control(nc net.Conn, do func(fd int)) {
	if w, ok := nc.(interface{ NetConn() net.Conn }); ok {
		nc = w.NetConn()
	}
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return
	}
	if raw, err := sc.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { do(int(fd)) })
	}
}
