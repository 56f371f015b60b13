package engine

import "net"

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
