//go:build !unix

package engine

import (
	"io"
	"net"
)

// waiting returns how a socket is written and read.
func waiting(nc net.Conn) (io.WriteCloser, *reader) { return nc, keepingReader(nc) }
