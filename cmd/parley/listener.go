package main

import (
	"bytes"
	"io"
	"net"
	"sync"
	"time"

	"parley/engine"
)

// listener accepts new connections and those that come back from the engine, so that
// the same http.Server serves, limits and shuts down both.
type listener struct {
	net.Listener
	full     func() bool // no more connections can be had
	accepted chan accepted
	closing  sync.Once
	closed   chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func newListener(l net.Listener, full func() bool) *listener {
	return &listener{Listener: l, full: full, accepted: make(chan accepted), closed: make(chan struct{})}
}

// run accepts until the listener is closed. Those for whom there is no room are told
// to come back. Other errors pass, and http.Server waits a little after each.
func (l *listener) run() error {
	busy := make(chan struct{}, turningAway)
	for {
		conn, err := l.Listener.Accept()
		if err == nil && l.full() {
			select {
			case busy <- struct{}{}:
				go func() { turnAway(conn); <-busy }()
			default:
				conn.Close()
			}
			continue
		}
		if err == nil {
			conn = engine.Leaving(conn)
		}
		if !l.hand(accepted{conn, err}) {
			return nil
		}
	}
}

const overloaded = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n" +
	"Content-Type: application/problem+json\r\nContent-Length: 181\r\nX-Content-Type-Options: nosniff\r\n\r\n" +
	`{"type":"about:blank","title":"Service Unavailable","status":503,"detail":"the server has no descriptors left","code":"overloaded","hint":"come back after the time in Retry-After"}` + "\n"

// turningAway is how many are being turned away at once; others are closed unanswered.
const turningAway = 64

// turnAway answers 503 whatever is asked. It waits a little for the request: a client
// takes an answer that comes first for none.
func turnAway(conn net.Conn) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	request := make([]byte, 4096)
	if _, err := conn.Read(request); err != nil {
		return
	}
	_, _ = io.WriteString(conn, overloaded)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = conn.Read(request) // closing with bytes unread would take the answer back
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
	} else {
		nc = engine.Leaving(nc)
	}
	l.hand(accepted{conn: nc})
}

// readAhead is a connection of which some bytes were read before.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }
