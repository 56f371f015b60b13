// Package engine holds connections that have left net/http: it waits for their
// bytes, writes what their peers have, and looks after each from time to time on a
// timing wheel. It knows sockets and goroutines, and nothing of what they carry.
package engine

import (
	"context"
	"errors"
	"time"
)

// ErrLoad is what Output returns when it needs Load to be called first.
var ErrLoad = errors.New("load first")

// Peer is the protocol on one connection. The engine calls its methods one at a
// time, never two at once.
type Peer interface {
	// Receive takes bytes that arrived; they are valid during the call only and may
	// be changed. With nil it goes on with what it kept when it was full.
	Receive(p []byte)
	// Full tells that the peer takes no more bytes for now. Whoever makes room rings.
	Full() bool
	// Output returns the next bytes to write, which must stay as they are until the
	// next call. nil, nil: nothing until the next ring. ErrLoad: call Load, then ask
	// again. io.EOF: nothing ever again, finish the connection. Another error: close it.
	Output() ([]byte, error)
	// Load does what Output could not do without blocking. After an error it is
	// tried again a second later.
	Load(ctx context.Context) error
	// Tick is called when the time that the last one returned has passed. now is a
	// clock that never goes back. A peer that finds its client dead returns Dead.
	Tick(now time.Time, s Sending) (next time.Duration)
	// Drain tells the client to leave and come back after retry, then ends.
	Drain(retry time.Duration)
	// Gone is the last call: the connection is closed.
	Gone()
}

// Dead is what Tick returns to close the connection without another byte.
const Dead time.Duration = -1

// Sending is how a connection's writes are doing.
type Sending struct {
	Pending  bool // bytes wait to be written, or the client's TCP has not acknowledged all
	Progress bool // the client's TCP acknowledged something since the last tick
	Blocked  bool // a write waits for the client; nothing can be added in mid-write
}
