package engine

import (
	"net"
	"sync"
)

const readSize = 32 << 10

// readBuffers are lent for the time of one read.
var readBuffers = sync.Pool{New: func() any { return new([readSize]byte) }}

// keepingReader reads into a buffer of its own.
func keepingReader(nc net.Conn) func(take func([]byte)) error {
	buf := make([]byte, 4<<10)
	return func(take func([]byte)) error {
		n, err := nc.Read(buf)
		if n > 0 {
			take(buf[:n])
		}
		return err
	}
}
