package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"

	"parley"
	"parley/engine"
	"parley/httpapi"
)

// listener accepts new connections and those that come back from the engine, so that
// the same http.Server serves, limits and shuts down both.
type listener struct {
	net.Listener
	full     func() bool // no more connections can be had
	limits   *limits     // of addresses; nil: none
	secure   *tls.Config // of those who are turned away; nil: without TLS
	refused  func(reason string)
	first    *handshakes   // serves new connections that bring a handshake; nil: nobody
	patience time.Duration // for which a client may take nothing of what is written to it; 0: any
	pending  *atomic.Int64 // connections of proxies whose header is being read
	accepted chan accepted
	closing  sync.Once
	closed   chan struct{}
}

type accepted struct {
	conn net.Conn
	err  error
}

func newListener(l net.Listener, full func() bool, limits *limits, refused func(reason string)) *listener {
	return &listener{Listener: l, full: full, limits: limits, refused: refused, accepted: make(chan accepted), closed: make(chan struct{})}
}

// run accepts until the listener is closed. Those for whom there is no room, or who are
// too many, are told to come back. Other errors pass, and http.Server waits a little
// after each.
func (l *listener) run() error {
	busy := make(chan struct{}, share(descriptors()).away)
	apart := func(conn net.Conn, do func()) { // some at a time, others are closed
		select {
		case busy <- struct{}{}:
			go func() { do(); <-busy }()
		default:
			conn.Close()
		}
	}
	for {
		conn, err := l.Listener.Accept()
		switch {
		case err != nil:
		case l.full():
			l.refused("descriptors")
			apart(conn, func() { l.turnAway(conn, noDescriptors) })
			continue
		case l.limits == nil:
			conn = l.leaving(conn)
		case l.limits.begins(conn):
			l.pending.Add(1)
			go l.proxied(conn)
			continue
		default:
			if e := l.limits.admit(conn); e != nil {
				l.refused(e.Reason)
				apart(conn, func() { l.turnAway(conn, e) })
				continue
			}
			conn = l.leaving(conn)
		}
		if fresh, ok := conn.(peeking); ok && l.first != nil {
			l.first.take(fresh, func() { l.hand(accepted{conn: conn}) })
			continue
		}
		if !l.hand(accepted{conn, err}) {
			return nil
		}
	}
}

// leaving makes of a connection one that can leave net/http, and whose malformed requests
// are answered like others.
func (l *listener) leaving(conn net.Conn) net.Conn {
	conn = engine.Leaving(conn)
	if own, ok := conn.(*engine.Leaver); ok {
		own.Instead, own.Patience = httpapi.Malformed, l.patience
	}
	return conn
}

// proxied hands on a proxy's connection when its header has said whose it is.
func (l *listener) proxied(raw net.Conn) {
	defer l.pending.Add(-1) // by then it is served, or gone
	conn, err := l.limits.proxied(raw)
	if err != nil {
		l.refused("proxy_header")
		raw.Close()
		return
	}
	if e := l.limits.admit(conn); e != nil {
		l.refused(e.Reason)
		l.turnAway(conn, e)
		return
	}
	l.hand(accepted{conn: &patient{conn, l.patience}})
}

// patient is a proxy's connection whose writes fail if the proxy takes none of a part for
// so long, as those of an engine.Leaver do.
type patient struct {
	*proxyproto.Conn
	patience time.Duration
}

func (c *patient) Write(p []byte) (n int, err error) {
	for err == nil && n < len(p) {
		m := 0
		if c.patience > 0 {
			_ = c.SetWriteDeadline(time.Now().Add(c.patience))
		}
		m, err = c.Conn.Write(p[n:min(len(p), n+64<<10)])
		n += m
	}
	if err == nil && c.patience > 0 {
		_ = c.SetWriteDeadline(time.Time{})
	}
	return n, err
}

// ReadFrom implements io.ReaderFrom, for net/http, by Write.
func (c *patient) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{c}, r)
}

var noDescriptors = &parley.Error{Code: parley.CodeOverloaded, Detail: "the server has no descriptors left", Hint: "come back after the time in Retry-After", RetryAfter: 5 * time.Second}

// turnAway answers with an error whatever is asked. It waits a little for the request: a
// client takes an answer that comes first for none.
func (l *listener) turnAway(conn net.Conn, e *parley.Error) {
	if l.secure != nil {
		conn = tls.Server(conn, l.secure)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	request := make([]byte, 4096)
	if _, err := conn.Read(request); err != nil {
		return
	}
	h := http.Header{"Connection": {"close"}, "X-Content-Type-Options": {"nosniff"}}
	status, body := httpapi.Problem(h, e)
	answer := bytes.NewBufferString(fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", status, http.StatusText(status), len(body)))
	_ = h.Write(answer)
	_, _ = conn.Write(append(append(answer.Bytes(), "\r\n"...), body...))
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
	if l.limits != nil {
		l.limits.back(nc)
	}
	if len(early) > 0 {
		nc = &readAhead{l.leaving(nc), io.MultiReader(bytes.NewReader(early), nc)}
	} else {
		nc = l.leaving(nc)
	}
	l.hand(accepted{conn: nc})
}

// readAhead is a connection of which some bytes were read before.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }
