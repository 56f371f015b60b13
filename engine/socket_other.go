//go:build !linux

package engine

import (
	"context"
	"net"
	"sync"
	"syscall"
	"time"
)

// TuneListener does nothing on systems whose options are not known.
func TuneListener(string, string, syscall.RawConn) error { return nil }

// sentLocked only knows whether a write is blocked.
func (c *Conn) sentLocked() (acked uint32, pending bool) {
	if g := c.slow.Load(); g != nil && g.blocked.Load() {
		c.set(blocked)
	} else {
		c.clear(blocked)
	}
	return 0, false
}

// loops and loop park descriptors; here nothing can be parked.
type loops struct{}

type loop struct{}

func (*loop) push(*Conn)                               {}
func (*loops) open(*Engine) error                      { return nil }
func (*loops) run(context.Context, *sync.WaitGroup)    {}
func (*loops) parkLocked(*Conn, net.Conn, []byte) bool { return false }
func (*loops) parks() bool                             { return false }
func (*loops) watch(*Conn, net.Conn) bool              { return false }
func (*loops) close()                                  {}
func (e *Engine) closeLocked(*Conn)                    {}

// Accepting returns the listener as it is.
func Accepting(l net.Listener) net.Listener { return l }

// Detacher is a connection that can leave net/http without being hijacked, which is not
// possible on this system.
type Detacher struct {
	net.Conn
	Instead  func(p []byte) []byte
	Patience time.Duration
}

// Detaching returns the connection as it is.
func Detaching(nc net.Conn) net.Conn { return nc }

// Idle does nothing.
func (c *Detacher) Idle() {}

func lendingReader(nc net.Conn) *reader { return keepingReader(nc) }

func unwrap(nc net.Conn) net.Conn { return nc }
