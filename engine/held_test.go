package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/parley-server/parley/engine"
)

// A peer whose bytes go to a writer has no socket itself: the socket of its request belongs to net/http.
func TestHeldPeerHasNoSocket(t *testing.T) {
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	ctx, stop := context.WithCancel(t.Context())
	held, written := make(chan struct{}), make(heard)
	conn := new(engine.Conn)
	p := &fake{conn: conn, gone: make(chan struct{}), out: []byte("hello")}
	go func() { defer close(held); e.Hold(ctx, conn, written, p, time.Hour) }()
	<-written
	if e.Len() != 1 || e.Sockets() != 0 {
		t.Errorf("%d connections, %d sockets, want 1 and 0", e.Len(), e.Sockets())
	}
	stop()
	<-held
	if e.Len() != 0 || e.Sockets() != 0 {
		t.Errorf("afterwards %d connections, %d sockets", e.Len(), e.Sockets())
	}
}

// Closing the engine ends a quiet held peer, although no write can fail.
func TestClosingEndsAQuietHeldPeer(t *testing.T) {
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	held, written := make(chan struct{}), make(heard)
	conn := new(engine.Conn)
	p := &fake{conn: conn, gone: make(chan struct{}), out: []byte("hello")}
	go func() { defer close(held); e.Hold(t.Context(), conn, written, p, time.Hour) }()
	<-written
	e.Close()
	<-held
	<-p.gone
}

// heard is a writer that signals each write.
type heard chan struct{}

func (h heard) Write(p []byte) (int, error) { close(h); return len(p), nil }
func (heard) Close() error                  { return nil }
