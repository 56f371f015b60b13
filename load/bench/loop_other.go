//go:build !linux

package bench

import (
	"errors"
	"net/netip"
)

// loop exists only on Linux.
type loop struct{}

var errNoLoop = errors.New("parley bench runs on Linux; parley verify runs everywhere")

func newLoop() (*loop, error)                                        { return nil, errNoLoop }
func (*loop) do(func())                                              {}
func (*loop) run(func() bool) error                                  { return errNoLoop }
func (*loop) flush(*reader)                                          {}
func (*loop) dial(*reader, netip.AddrPort, netip.Addr, []byte) error { return errNoLoop }
func (*loop) ignore(*reader)                                         {}

func (*loop) close(*reader) {}
