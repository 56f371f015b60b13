//go:build unix

package engine

import (
	"io"
	"net"
	"syscall"
)

// waitingReader returns a reader that waits for bytes without holding a buffer, if there
// can be one.
func waitingReader(nc net.Conn) reader {
	sc, ok := nc.(*net.TCPConn)
	if !ok {
		return lendingReader(nc)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return reader{read: func(func([]byte)) error { return err }}
	}
	r := &patient{raw: raw}
	r.try = r.tryOne
	return reader{r.read, r.await}
}

// patient waits for a socket's next byte with room for just that one, on a stack that
// need not grow.
type patient struct {
	raw syscall.RawConn
	try func(fd uintptr) bool

	first [1]byte
	n     int // of those
	err   error
}

func (r *patient) tryOne(fd uintptr) bool {
	r.n, r.err = readNow(fd, r.first[:])
	return r.err != syscall.EAGAIN
}

func (r *patient) await() error {
	if err := r.raw.Read(r.try); err != nil {
		return err
	}
	if r.err != nil {
		return r.err
	}
	if r.n == 0 {
		return io.EOF
	}
	return nil
}

func (r *patient) read(take func([]byte)) error {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	n, have := 0, copy(buf[:], r.first[:r.n])
	r.n = 0
	var err error
	closed := r.raw.Read(func(fd uintptr) bool {
		n, err = readNow(fd, buf[have:])
		return true
	})
	switch {
	case have+n > 0: // an error comes again
		take(buf[:have+n])
		return nil
	case closed != nil:
		return closed
	case err == syscall.EAGAIN:
		return errNothing
	case err != nil:
		return err
	}
	return io.EOF
}

// readNow reads what there is; n is not negative.
func readNow(fd uintptr, p []byte) (n int, err error) {
	for {
		if n, err = syscall.Read(int(fd), p); err != syscall.EINTR {
			return max(n, 0), err
		}
	}
}
