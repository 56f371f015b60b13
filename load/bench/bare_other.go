//go:build !linux

package bench

import "io"

// ServeBare works only on Linux, like the loop.
func ServeBare(io.Reader, io.Writer) error { return errNoLoop }
