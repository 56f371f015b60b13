//go:build !linux

package bench

import "io"

// ServeBare is Linux's only, like the loop.
func ServeBare(io.Reader, io.Writer) error { return errNoLoop }
