//go:build !unix

package engine

import "net"

func waitingReader(nc net.Conn) func(take func([]byte)) error { return keepingReader(nc) }
