//go:build !unix

package engine

import "net"

func waitingReader(nc net.Conn) reader { return keepingReader(nc) }
