package transport

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/engine"
)

type hijacked struct {
	net.Conn
	early []byte
}

type connKey struct{}

// detaching is a connection that can leave net/http without being hijacked.
type detaching interface {
	Detach() (net.Conn, bool)
}

// ConnContext is for a http.Server whose connections may be Detachers, and for requests that are served without it.
func ConnContext(ctx context.Context, nc net.Conn) context.Context {
	switch c := nc.(type) {
	case detaching:
		return context.WithValue(ctx, connKey{}, c)
	case interface{ Raw() net.Conn }: // go-proxyproto's, which may hold bytes of its own
		return context.WithValue(ctx, connKey{}, stays{})
	default:
		return ctx
	}
}

type turnKey struct{}

// TurnAway is for a request that must be refused whatever it asks.
func TurnAway(ctx context.Context, e *parley.Error) context.Context {
	return context.WithValue(ctx, turnKey{}, e)
}

// TurnedAway returns why a request must be refused, nil if it need not.
func TurnedAway(ctx context.Context) *parley.Error {
	e, _ := ctx.Value(turnKey{}).(*parley.Error)
	return e
}

// stays marks a connection that cannot be given back to net/http.
type stays struct{}

// ConnState is for the same server.
func ConnState(nc net.Conn, state http.ConnState) {
	if l, ok := nc.(*engine.Detacher); ok && state == http.StateIdle {
		l.Idle()
	}
}

// consumed reports whether nothing of a request remains to be read, and its response has a
// body. Only then may its connection leave net/http: the remainder would be taken for the next
// request, or for frames, from a client that did not write it (request smuggling).
func consumed(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ContentLength == 0 && len(r.TransferEncoding) == 0
}

// detach takes the connection out of net/http, with the bytes that net/http has read ahead. The
// request must be consumed. The handler must not write any more.
func (t *Transports) detach(w http.ResponseWriter, r *http.Request) (hijacked, error) {
	if !consumed(r) {
		return hijacked{}, fmt.Errorf("take the connection of a %s out of net/http: its request is not consumed", r.Method)
	}
	if l, ok := r.Context().Value(connKey{}).(detaching); ok && t.engine.Parks() {
		if nc, ok := l.Detach(); ok {
			clear(w.Header()) // net/http composes a response that is never sent
			return hijacked{Conn: nc}, nil
		}
	}
	return hijack(w)
}

func hijack(w http.ResponseWriter) (c hijacked, err error) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return c, err
	}
	_ = nc.SetDeadline(time.Time{})
	c.Conn = nc
	if n := rw.Reader.Buffered(); n > 0 {
		early, _ := rw.Reader.Peek(n)
		c.early = append(c.early, early...)
	}
	return c, nil
}
