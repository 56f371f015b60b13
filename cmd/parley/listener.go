package main

import (
	"bytes"
	"io"
	"net"
	"sync"
)

// listener accepts new connections and those that come back from the engine, so that
// the same http.Server serves, limits and shuts down both.
type listener struct {
	net.Listener
	accepted chan accepted
	closing  sync.Once
	closed   chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func newListener(l net.Listener) *listener {
	b := &listener{Listener: l, accepted: make(chan accepted), closed: make(chan struct{})}
	go b.run()
	return b
}

// run accepts until the listener is closed. Other errors pass, and http.Server waits
// a little after each.
func (l *listener) run() {
	for {
		conn, err := l.Listener.Accept()
		if !l.hand(accepted{conn, err}) {
			return
		}
	}
}

// hand gives one result to Accept; after Close it closes the connection instead.
func (l *listener) hand(a accepted) bool {
	select {
	case l.accepted <- a:
		return true
	case <-l.closed:
		if a.conn != nil {
			a.conn.Close()
		}
		return false
	}
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (l *listener) Close() error {
	l.closing.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// giveBack lets Accept return a connection again. early is what was read of its next
// request.
func (l *listener) giveBack(nc net.Conn, early []byte) {
	if len(early) > 0 {
		nc = &readAhead{nc, io.MultiReader(bytes.NewReader(early), nc)}
	}
	l.hand(accepted{conn: nc})
}

// readAhead is a connection of which some bytes were read before.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }
