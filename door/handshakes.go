package door

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/parley-server/parley/transport"
	"github.com/parley-server/parley/wire"
)

// handshakes serves requests that open a WebSocket or an event stream and arrive complete with
// their connection, as nearly all do, without creating a connection of net/http first: that
// would cost half as much as the handshake, and in a storm all arrive at once. net/http parses
// the request, and it goes through the same handler. Anything unusual is left to net/http,
// unread.
type handshakes struct {
	// fixed after construction
	handler http.Handler
	opens   func(*http.Request) bool
	state   func(net.Conn, http.ConnState) // as of a http.Server
	log     *slog.Logger

	arrived atomic.Int64 // connections that state does not know yet

	mu      sync.Mutex
	some    sync.Cond // an arrival waits for an idle worker
	waiting []*arrival
	workers int
	idle    int
	closed  bool
}

// arrival is a new connection; otherwise receives it if it is not a handshake.
type arrival struct {
	conn      peeking
	otherwise func()
}

// peeking is a connection whose arrived bytes can be seen without waiting: an engine.Fresh. Nothing waits for it: to be waited
// for, it must become another connection.
type peeking interface {
	net.Conn
	Peek(p []byte) int
	Ordinary() (net.Conn, error)
}

// At most mostWorkers handshakes are served at a time. idleWorkers are kept, since their stacks
// have grown.
const (
	mostWorkers = 1000
	idleWorkers = 4
	headRoom    = 4096 // bytes of a handshake
)

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func newHandshakes(h http.Handler, opens func(*http.Request) bool, state func(net.Conn, http.ConnState), log *slog.Logger) *handshakes {
	s := &handshakes{handler: h, opens: opens, state: state, log: log}
	s.some.L = &s.mu
	return s
}

// accept serves a new connection soon, or calls otherwise.
func (s *handshakes) accept(conn peeking, otherwise func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		conn.Close()
		return
	}
	s.arrived.Add(1)
	s.waiting = append(s.waiting, &arrival{conn, otherwise})
	switch {
	case s.idle >= len(s.waiting):
		s.some.Signal()
	case s.workers < mostWorkers:
		s.workers++
		go s.work()
	}
}

// close ends the workers.
func (s *handshakes) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.some.Broadcast()
}

// headBuffer is where a worker reads heads. In a storm most workers serve a single handshake.
type headBuffer struct {
	head   []byte
	reader *bufio.Reader
}

var headBuffers = sync.Pool{New: func() any { return &headBuffer{make([]byte, headRoom), bufio.NewReaderSize(nil, headRoom)} }}

func (s *handshakes) work() {
	in := headBuffers.Get().(*headBuffer)
	defer headBuffers.Put(in)
	for a := s.next(); a != nil; a = s.next() {
		if n := a.conn.Peek(in.head); !s.serve(a.conn, in.head[:n], in.reader) {
			a.otherwise()
			s.arrived.Add(-1)
		}
	}
}

// next waits for an arrival; nil if there are enough workers without this one.
func (s *handshakes) next() *arrival {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.waiting) == 0 {
		if s.closed || s.idle == idleWorkers {
			s.workers--
			return nil
		}
		s.idle++
		s.some.Wait()
		s.idle--
	}
	a := s.waiting[0]
	s.waiting[0] = nil
	if s.waiting = s.waiting[1:]; len(s.waiting) == 0 {
		s.waiting = nil
	}
	return a
}

// serve answers a handshake, or reports that there is none and leaves everything unread.
func (s *handshakes) serve(conn peeking, head []byte, reader *bufio.Reader) (served bool) {
	if !plainHead(head) {
		return false
	}
	reader.Reset(bytes.NewReader(head))
	r, err := http.ReadRequest(reader)
	if err != nil || !plainRequest(r) || !s.opens(r) {
		return false
	}
	if _, err := conn.Read(head); err != nil { // all of it has arrived
		return false
	}
	r.RemoteAddr = conn.RemoteAddr().String()
	w := &answer{ordinary: conn.Ordinary, header: http.Header{}}
	s.state(conn, http.StateNew)
	s.arrived.Add(-1)
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			s.log.Error("a handshake failed", "panic", p, "stack", string(debug.Stack()))
		}
		if !w.gone {
			conn.Close()
		}
		s.state(conn, http.StateClosed)
		served = true // also after a panic
	}()
	s.handler.ServeHTTP(w, r.WithContext(transport.ConnContext(context.Background(), conn)))
	if !w.gone && w.status != 0 {
		_, _ = conn.Write(w.bytes())
	}
	return true
}

// plainHead reports whether p is the whole head of a GET request of HTTP/1.1, without anything
// after it and without unusual bytes.
func plainHead(p []byte) bool {
	if !bytes.HasPrefix(p, []byte("GET /")) || bytes.Index(p, []byte("\r\n\r\n")) != len(p)-4 {
		return false
	}
	line, fields, _ := bytes.Cut(p, []byte("\r\n"))
	hosts := 0
	for field := range bytes.SplitSeq(fields, []byte("\r\n")) {
		name, _, ok := bytes.Cut(field, []byte(":"))
		if ok && len(bytes.Trim(name, letters+"0123456789-_")) > 0 || !ok && len(field) > 0 {
			return false
		}
		if bytes.EqualFold(name, []byte("Host")) {
			hosts++
		}
	}
	for i, c := range p { // net/http accepts a bare line feed as the end of a line
		if (c < ' ' || c > '~') && (c != '\r' || p[i+1] != '\n') && (c != '\n' || p[i-1] != '\r') {
			return false
		}
	}
	return bytes.HasSuffix(line, []byte(" HTTP/1.1")) && hosts == 1
}

// plainRequest reports whether a request is its head and nothing else, for an ordinary host.
func plainRequest(r *http.Request) bool {
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 || r.Header.Get("Expect") != "" {
		return false
	}
	return strings.Trim(r.Host, letters+"0123456789.-:[]") == ""
}

// answer is a response that is written when the handler is done, unless the connection has left
// by then.
type answer struct {
	ordinary func() (net.Conn, error) // the connection, for what takes it over
	header   http.Header
	status   int
	body     bytes.Buffer
	gone     bool
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// Hijack implements http.Hijacker.
func (w *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.gone = true
	conn, err := w.ordinary()
	if err != nil {
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(bufio.NewReaderSize(conn, 16), bufio.NewWriterSize(conn, 16)), nil
}

// bytes is the response, after which the connection is closed: its client wanted only a stream.
func (w *answer) bytes() []byte {
	w.header.Set("Connection", "close")
	w.header.Del("Content-Length") // it is that of the body
	return wire.AppendAnswer(nil, w.status, w.header, w.body.Bytes())
}
