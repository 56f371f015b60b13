//go:build unix

package engine

import (
	"io"
	"net"
)

// waiting returns how a socket is written and read: if possible, without a buffer that
// is held while nothing arrives.
func waiting(nc net.Conn) (io.WriteCloser, *reader) {
	tcp, ok := nc.(*net.TCPConn)
	if !ok {
		return nc, lendingReader(nc)
	}
	if b, ok := strip(tcp); ok {
		return b, &bareReader
	}
	return nc, keepingReader(nc)
}
