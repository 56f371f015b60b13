//go:build !linux

package door

import (
	"errors"
	"syscall"
)

// sharePort fails: this system does not distribute connections over sockets.
func sharePort(syscall.RawConn) error { return errors.ErrUnsupported }
