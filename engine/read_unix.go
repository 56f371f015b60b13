//go:build unix

package engine

import (
	"io"
	"net"
	"syscall"
)

// waitingReader returns a function that waits for bytes without holding a buffer,
// then gives them to take.
func waitingReader(nc net.Conn) func(take func([]byte)) error {
	sc, ok := nc.(*net.TCPConn)
	if !ok {
		return lendingReader(nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return func(func([]byte)) error { return err }
	}
	return func(take func([]byte)) error {
		var buf *[readSize]byte
		var n int
		var err error
		waitErr := raw.Read(func(fd uintptr) bool {
			buf = readBuffers.Get().(*[readSize]byte)
			for {
				if n, err = syscall.Read(int(fd), buf[:]); err != syscall.EINTR {
					break
				}
			}
			if err == syscall.EAGAIN {
				readBuffers.Put(buf)
				buf = nil
				return false
			}
			return true
		})
		if buf != nil {
			defer readBuffers.Put(buf)
		}
		switch {
		case waitErr != nil:
			return waitErr
		case err != nil:
			return err
		case n == 0:
			return io.EOF
		}
		take(buf[:n])
		return nil
	}
}
