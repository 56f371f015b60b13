//go:build !linux

package engine

import "net"

// tune does nothing where the options are not known.
func tune(net.Conn) {}

// sent knows nothing here: whether a write is blocked is all there is to go by.
func sent(net.Conn) (acked uint64, pending bool) { return 0, false }
