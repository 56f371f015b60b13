package engine

import (
	"context"
	"errors"
	"net"
	"time"
)

// ErrLoad is what Output returns when it needs Load to be called first.
var ErrLoad = errors.New("load first")

// ErrReturn is what Output returns when the connection must leave the engine, open,
// for a peer that is a Returner.
var ErrReturn = errors.New("give the connection back")

// Returner is a peer that can take its connection back.
type Returner interface {
	// Return is called after Gone, from any goroutine, and may block.
	Return(nc net.Conn)
}

// Dead is what Tick returns to close the connection without another byte.
const Dead time.Duration = -1

// Peer is the protocol on one connection. The engine calls its methods one at a time. None may
// block but Load, and the functions that Receive returns.
type Peer interface {
	// Receive processes bytes that arrived; they are valid only during the call and may be
	// changed. A returned function is work which may block: it runs elsewhere, and no method is
	// called until it is done. full: the peer accepts no more bytes; the connection must be
	// rung when there is room. After either, Receive is called with nil to continue with the
	// bytes that it kept.
	Receive(p []byte) (work func(), full bool)
	// Output returns the next bytes to write, which must not change afterwards. nil, nil:
	// nothing until the next ring. ErrLoad: call Load, then Output again. io.EOF: no further
	// output, finish the connection. Another error: close it.
	Output() ([]byte, error)
	// Unsent reports that only n bytes of the last Output could be written. The peer moves
	// back, and copies those of the other bytes that must follow directly: the next Output
	// begins with them.
	Unsent(b []byte, n int)
	// Load does what Output could not do without blocking. After an error it is called again a
	// second later.
	Load(ctx context.Context) error
	// Tick is called after the time that the previous call returned, with the state of the
	// connection's writes; see Dead.
	Tick(now time.Time, s Sending) (next time.Duration)
	// Drain tells the client to reconnect after retry, then ends.
	Drain(retry time.Duration)
	// Gone is the last call: the connection is closed.
	Gone()
}

// Sending is the state of a connection's writes.
type Sending struct {
	Pending  bool // bytes wait to be written, or the client's TCP has not acknowledged all
	Progress bool // the client's TCP acknowledged something since the last tick
	Blocked  bool // a write was cut off and waits for the client; nothing can be inserted there
}
