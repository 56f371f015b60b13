//go:build !linux

package rawio

import "net"

// Wrap returns nc: only Linux has such calls.
func Wrap(nc net.Conn) net.Conn { return nc }
