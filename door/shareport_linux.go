package door

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// sharePort lets other sockets of this user listen on the same address, each with its own
// queue (socket(7), SO_REUSEPORT).
func sharePort(raw syscall.RawConn) (err error) {
	if e := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) }); e != nil {
		return e
	}
	return err
}
