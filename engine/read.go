package engine

import (
	"errors"
	"io"
	"net"
	"sync"
)

// reader is how a connection with goroutines is read. Most are read in the same way, and
// share one reader.
type reader struct {
	// read passes what is available to take, once. errNothing: not now. A read that never
	// returns it waits itself.
	read func(socket io.Closer, take func([]byte)) error
	// await waits until something is available, without holding a buffer. nil: a loop
	// watches the connection instead, or read never returns errNothing.
	await func(socket io.Closer) error
}

var errNothing = errors.New("nothing to read")

const readSize = 32 << 10

// readBuffers are borrowed for one read.
var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// keepingReader reads into its own buffer.
func keepingReader(nc net.Conn) *reader {
	buf := make([]byte, 4<<10)
	return &reader{read: func(_ io.Closer, take func([]byte)) error {
		n, err := nc.Read(buf)
		if n > 0 {
			take(buf[:n])
		}
		return err
	}}
}
