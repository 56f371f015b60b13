// Package door is the layer between a node's sockets and its HTTP handler. It accepts
// connections, reads PROXY headers, serves handshakes that arrive whole without net/http,
// limits connections per address, and refuses clients when the process has no descriptors or
// memory for them.
package door

import (
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/transport"
)

// Config of a Door. The zero value limits only descriptors.
type Config struct {
	Limiter     *Limiter            // nil: no limits per address
	TLS         *tls.Config         // nil: no TLS
	Share       Descriptors         // how the process's descriptors are divided; zero: Share(true)
	Patience    time.Duration       // for how long a client may accept nothing of a response; 0: without limit
	MaxStreams  int                 // 0: as many as there are descriptors
	MemoryLimit int64               // bytes; near it no new streams are accepted; 0: no limit
	OnRefused   func(reason string) // called when a connection is turned away
	Logger      *slog.Logger
}

// Door is the way into a node. It is created before the handler, which needs it: the handler is
// passed to Serve.
type Door struct {
	engine  *engine.Engine
	sockets []net.Listener
	cfg     Config
	away    chan struct{} // holds a token for each connection that is being turned away
	http1   *tls.Config   // for answering them; nil: no TLS

	full    func() bool // the descriptors for clients are used up
	memory  memory
	served  atomic.Int64 // connections in net/http
	proxied atomic.Int64 // connections whose PROXY header is being read

	handler    http.Handler             // set by Serve
	opens      func(*http.Request) bool // set by Serve
	handshakes *handshakes              // set by Serve; nil: net/http serves them
	accepted   chan accepted
	closing    sync.Once
	closed     chan struct{}
}

// New creates a door for listening sockets, which it closes.
func New(sockets []net.Listener, e *engine.Engine, cfg Config) *Door {
	if cfg.OnRefused == nil {
		cfg.OnRefused = func(string) {}
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Share == (Descriptors{}) {
		cfg.Share = Share(true)
	}
	if cfg.TLS == nil {
		for i := range sockets {
			sockets[i] = engine.Accepting(sockets[i])
		}
	}
	d := &Door{engine: e, sockets: sockets, cfg: cfg, away: make(chan struct{}, cfg.Share.away), accepted: make(chan accepted),
		closed: make(chan struct{})}
	d.full = func() bool { return d.open() >= cfg.Share.public }
	if cfg.TLS != nil {
		d.http1 = cfg.TLS.Clone()
		d.http1.NextProtos = []string{"http/1.1"}
	}
	return d
}

// Serve accepts connections for a server until that is shut down, which is not an error. It
// sets the server's TLSConfig, ConnState and ConnContext. opensStream reports whether a request
// opens a stream, by the table of routes.
func (d *Door) Serve(server *http.Server, opensStream func(*http.Request) bool) error {
	server.TLSConfig, server.ConnState, server.ConnContext = d.cfg.TLS, d.count, transport.ConnContext
	d.handler, d.opens = server.Handler, opensStream
	if d.cfg.TLS == nil {
		d.handshakes = newHandshakes(server.Handler, opensStream, d.count, d.cfg.Logger)
		defer d.handshakes.close()
	}
	return d.serve(server)
}

func (d *Door) serve(server *http.Server) error {
	var accepting sync.WaitGroup
	for _, socket := range d.sockets {
		accepting.Go(func() { d.accept(socket) })
	}
	defer func() { _ = d.Close(); accepting.Wait() }()
	serve := server.Serve
	if d.cfg.TLS != nil {
		serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") } // with those of its TLSConfig
	}
	if err := serve(listener{d}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops listening. Connections stay open.
func (d *Door) Close() (err error) {
	d.closing.Do(func() {
		close(d.closed)
		for _, socket := range d.sockets {
			err = errors.Join(err, socket.Close())
		}
	})
	return err
}

// open returns the number of connections.
func (d *Door) open() int {
	n := d.engine.Sockets() + int(d.served.Load()) + int(d.proxied.Load())
	if d.handshakes != nil {
		n += int(d.handshakes.arrived.Load())
	}
	return n
}

// count tracks the connections of net/http and of handshakes; it is a http.Server's ConnState.
func (d *Door) count(nc net.Conn, state http.ConnState) {
	transport.ConnState(nc, state)
	switch state {
	case http.StateNew:
		d.served.Add(1)
	case http.StateHijacked, http.StateClosed:
		d.served.Add(-1)
		if d.cfg.Limiter != nil {
			d.cfg.Limiter.gone(nc)
		}
	}
}
