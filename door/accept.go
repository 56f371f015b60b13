package door

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/wire"
)

type accepted struct {
	conn net.Conn
	err  error
}

// accept accepts connections from one socket until that is closed. A connection for which there
// is no room, or that exceeds a limit of its address, receives an error. Other errors of the
// socket are passed to net/http, which waits after each.
func (d *Door) accept(socket net.Listener) {
	for {
		conn, err := socket.Accept()
		switch {
		case err != nil:
		case d.full():
			d.cfg.OnRefused("descriptors")
			d.apart(conn, noDescriptors)
			continue
		case d.cfg.Limiter == nil:
		case d.cfg.Limiter.begins(conn):
			d.proxied.Add(1)
			go d.serveProxied(conn)
			continue
		default:
			if e := d.cfg.Limiter.admit(conn); e != nil {
				d.cfg.OnRefused(e.Reason)
				d.apart(conn, e)
				continue
			}
		}
		if fresh, ok := conn.(peeking); ok {
			if d.handshakes == nil {
				d.pass(fresh)
			} else {
				d.handshakes.accept(fresh, func() { d.pass(fresh) })
			}
			continue
		}
		if err == nil {
			conn = d.leaving(conn)
		}
		if !d.hand(accepted{conn, err}) {
			return
		}
	}
}

// pass passes a connection that is no handshake to net/http.
func (d *Door) pass(fresh peeking) {
	conn, err := fresh.Ordinary()
	if err != nil { // for want of descriptors: net/http waits
		if d.cfg.Limiter != nil {
			d.cfg.Limiter.gone(fresh)
		}
		d.hand(accepted{err: err})
		return
	}
	d.hand(accepted{conn: d.leaving(conn)})
}

// ordinary returns a connection that may be waited for. If that cannot be made, it is closed.
func ordinary(conn net.Conn) (net.Conn, error) {
	if fresh, ok := conn.(peeking); ok {
		return fresh.Ordinary()
	}
	return conn, nil
}

// apart turns a connection away without delaying the others. Only a limited number is answered
// at a time; beyond that, connections are closed.
func (d *Door) apart(conn net.Conn, e *parley.Error) {
	select {
	case d.away <- struct{}{}:
		go func() { d.turnAway(conn, e); <-d.away }()
	default:
		conn.Close()
	}
}

// leaving wraps a connection so that it can leave net/http, and so that malformed requests on
// it receive a problem like others.
func (d *Door) leaving(conn net.Conn) net.Conn {
	conn = engine.Detaching(conn)
	if own, ok := conn.(*engine.Detacher); ok {
		own.Instead, own.Patience = malformed, d.cfg.Patience
	}
	return conn
}

// serveProxied passes on a proxy's connection once its PROXY header names the client.
func (d *Door) serveProxied(raw net.Conn) {
	defer d.proxied.Add(-1) // by then it is served or closed
	raw, err := ordinary(raw)
	if err != nil {
		d.cfg.OnRefused("descriptors")
		return
	}
	conn, err := d.cfg.Limiter.proxied(raw)
	if err != nil {
		d.cfg.OnRefused("proxy_header")
		raw.Close()
		return
	}
	if e := d.cfg.Limiter.admit(conn); e != nil {
		d.cfg.OnRefused(e.Reason)
		d.turnAway(conn, e)
		return
	}
	d.hand(accepted{conn: &patient{conn, d.cfg.Patience}})
}

// patient is a proxy's connection whose writes fail if the proxy accepts nothing for so long,
// like those of an engine.Detacher.
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

var noDescriptors = &parley.Error{Code: parley.CodeOverloaded, Detail: "the server has no descriptors left",
	Hint: "retry after the time in Retry-After", RetryAfter: 5 * time.Second}

// turnAway answers any request with an error. It waits briefly for the request, because some
// clients take an earlier response for a broken connection.
func (d *Door) turnAway(conn net.Conn, e *parley.Error) {
	conn, err := ordinary(conn)
	if err != nil {
		return
	}
	if d.http1 != nil {
		conn = tls.Server(conn, d.http1)
	}
	taken := false
	defer func() {
		if !taken {
			conn.Close()
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	request := make([]byte, 4096)
	n, err := conn.Read(request)
	if err != nil {
		return
	}
	var response []byte
	if response, taken = d.refusal(conn, request[:n], e); taken {
		return
	}
	_, _ = conn.Write(response)
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = conn.Read(request) // closing with unread bytes would discard the response
	}
}

// refusal is the answer to a request of which head has arrived, unless that takes the connection. What opens a stream is answered by
// the handler: a page reads no status of an EventSource, which would give up, or of a WebSocket.
func (d *Door) refusal(conn net.Conn, head []byte, e *parley.Error) (response []byte, taken bool) {
	w := &answer{header: http.Header{}, ordinary: func() (net.Conn, error) { return conn, nil }}
	defer func() {
		if p := recover(); p != nil {
			d.cfg.Logger.Error("a refusal failed", "panic", p, "stack", string(debug.Stack()))
			response, taken = wire.AppendProblem(nil, wire.Status(e), e), w.gone
		}
	}()
	if d.handler != nil && plainHead(head) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err == nil && plainRequest(r) && d.opens(r) {
			r.RemoteAddr = conn.RemoteAddr().String()
			if d.handler.ServeHTTP(w, r.WithContext(transport.TurnAway(context.Background(), e))); w.gone {
				return nil, true
			}
			return w.bytes(), false
		}
	}
	return wire.AppendProblem(nil, wire.Status(e), e), false
}

// hand passes one result to net/http; after Close it closes the connection instead.
func (d *Door) hand(a accepted) bool {
	select {
	case d.accepted <- a:
		return true
	case <-d.closed:
		if a.conn != nil {
			a.conn.Close()
		}
		return false
	}
}

// listener is the door as net/http uses it: connections from all sockets, and those that return
// from the engine, so that one http.Server serves, limits and shuts down all.
type listener struct{ *Door }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	select {
	case a := <-l.accepted:
		return a.conn, a.err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

// Addr implements net.Listener.
func (l listener) Addr() net.Addr { return l.sockets[0].Addr() }

// GiveBack returns a connection whose long poll was answered to net/http. early are the bytes
// that were already read of its next request.
func (d *Door) GiveBack(nc net.Conn, early []byte) {
	if d.cfg.Limiter != nil {
		d.cfg.Limiter.back(nc)
	}
	if len(early) > 0 {
		nc = &readAhead{d.leaving(nc), io.MultiReader(bytes.NewReader(early), nc)}
	} else {
		nc = d.leaving(nc)
	}
	d.hand(accepted{conn: nc})
}

// readAhead is a connection of which some bytes were already read.
type readAhead struct {
	net.Conn
	r io.Reader
}

func (c *readAhead) Read(p []byte) (int, error) { return c.r.Read(p) }
