//go:build !linux

package rawio

import (
	"net"
	"syscall"
	"time"
)

// Wrap returns nc: only Linux has such calls.
func Wrap(nc net.Conn) net.Conn { return nc }

// DeadAfter returns a net.Dialer's Control that changes nothing: only Linux has such a limit.
func DeadAfter(time.Duration) func(network, address string, c syscall.RawConn) error { return nil }
