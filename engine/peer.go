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

// Peer is the protocol on one connection. The engine calls its methods one at a
// time, never two at once. None but Load, and the functions that Receive returns,
// may block.
type Peer interface {
	// Receive takes bytes that arrived; they are valid during the call only and may
	// be changed. If it returns a function, that is work which may block: it is done
	// elsewhere, and until then no method is called. full: it takes no more bytes;
	// whoever makes room rings. After either it is called with nil to go on with
	// what it kept.
	Receive(p []byte) (work func(), full bool)
	// Output returns the next bytes to write, which stay as they are. nil, nil:
	// nothing until the next ring. ErrLoad: call Load, then ask again. io.EOF: nothing
	// ever again, finish the connection. Another error: close it.
	Output() ([]byte, error)
	// Unsent means that of the last Output only n bytes could be written. The next
	// begins with those that have to follow, of which the peer keeps a copy; it takes
	// back the rest.
	Unsent(b []byte, n int)
	// Load does what Output could not do without blocking. After an error it is
	// tried again a second later.
	Load(ctx context.Context) error
	// Tick is called when the time that the last one returned has passed, with how
	// the connection's writes are doing; see Dead.
	Tick(now time.Time, s Sending) (next time.Duration)
	// Drain tells the client to leave and come back after retry, then ends.
	Drain(retry time.Duration)
	// Gone is the last call: the connection is closed.
	Gone()
}

// Sending is how a connection's writes are doing.
type Sending struct {
	Pending  bool // bytes wait to be written, or the client's TCP has not acknowledged all
	Progress bool // the client's TCP acknowledged something since the last tick
	Blocked  bool // a write broke off and waits for the client; nothing can be added in its middle
}
