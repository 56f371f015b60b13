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
	r := &patient{raw: raw}
	r.try = r.tryOne
	return r.read
}

// patient waits for a connection's next byte with room for just that one, and on a
// stack that need not grow: what is on the stack of one who waits is small as long as
// nothing large was ever called there.
type patient struct {
	raw syscall.RawConn
	try func(fd uintptr) bool

	first [1]byte
	n     int
	err   error
}

func (r *patient) tryOne(fd uintptr) bool {
	for {
		if r.n, r.err = syscall.Read(int(fd), r.first[:]); r.err != syscall.EINTR {
			return r.err != syscall.EAGAIN
		}
	}
}

func (r *patient) read(take func([]byte)) error {
	switch err := r.raw.Read(r.try); {
	case err != nil:
		return err
	case r.err != nil:
		return r.err
	case r.n <= 0:
		return io.EOF
	}
	return r.rest(take)
}

// rest reads what there is after the first byte, into a buffer that is lent.
func (r *patient) rest(take func([]byte)) error {
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	buf[0] = r.first[0]
	n := 0
	err := r.raw.Read(func(fd uintptr) bool {
		for {
			if n, r.err = syscall.Read(int(fd), buf[1:]); r.err != syscall.EINTR {
				return true
			}
		}
	})
	take(buf[:1+max(n, 0)])
	return err
}
