package door

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

const upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"

// Which requests are served directly, and which are left to net/http, unread.
func TestWhatIsTakenForAHandshake(t *testing.T) {
	for head, want := range map[string]bool{
		"GET /ws HTTP/1.1\r\nHost: a\r\n" + upgrade:                                          true,
		"GET /ws/chat/a%20b?user=x HTTP/1.1\r\nhost: [::1]:80\r\nupgrade: WebSocket\r\n\r\n": true,
		"GET /api/stream/general HTTP/1.1\r\nHost: a\r\n\r\n":                                true,

		"":                                     false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nUpgra": false,
		"GET /ws HTTP/1.1\r\nHost: a\r\n" + upgrade + "\x81":                      false, // more than the head
		"GET /ws HTTP/1.1\r\n" + upgrade:                                          false, // no host
		"GET /ws HTTP/1.1\r\nHost: a\r\nHOST: b\r\n" + upgrade:                    false,
		"GET /ws HTTP/1.1\r\nHost: a/b\r\n" + upgrade:                             false,
		"GET /ws HTTP/1.0\r\nHost: a\r\n" + upgrade:                               false,
		"POST /ws HTTP/1.1\r\nHost: a\r\n" + upgrade:                              false,
		"GET http://b/ws HTTP/1.1\r\nHost: a\r\n" + upgrade:                       false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nX: \xc3\xa4\r\n" + upgrade:                false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nX: \x00\r\n" + upgrade:                    false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nX y: z\r\n" + upgrade:                     false,
		"GET /ws HTTP/1.1\r\nHost: a\r\n folded: z\r\n" + upgrade:                 false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nno colon\r\n" + upgrade:                   false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n" + upgrade:          false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n" + upgrade: false,
		"GET /ws HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n" + upgrade:       false,
		"GET /api/messages HTTP/1.1\r\nHost: a\r\n\r\n":                           false,
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                       false,
	} {
		s := newHandshakes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), opens, func(net.Conn, http.ConnState) {},
			slog.Default())
		conn := &recorded{Reader: strings.NewReader(head)}
		if got := s.serve(conn, []byte(head), bufio.NewReader(nil)); got != want || (conn.Len() < len(head)) != want {
			t.Errorf("%q: taken %v with %d of %d bytes left, want %v", head, got, conn.Len(), len(head), want)
		}
	}
}

// In a storm each handshake has a worker of its own, which leaves its buffers to a later one.
func TestWorkersShareTheirBuffers(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a collection empties the pool
	const storm = 100
	served, release := make(chan struct{}, storm), make(chan struct{})
	s := newHandshakes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served <- struct{}{}; <-release }), opens,
		func(net.Conn, http.ConnState) {}, slog.New(slog.DiscardHandler))
	defer s.close()
	allocated := func() uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range storm {
			conn := &arriving{recorded{Reader: strings.NewReader("GET /ws HTTP/1.1\r\nHost: a\r\n" + upgrade)}}
			s.accept(conn, func() { t.Error("left to net/http") })
		}
		for range storm {
			<-served
		}
		for range storm {
			release <- struct{}{}
		}
		for done := false; !done; runtime.Gosched() {
			s.mu.Lock()
			done = s.workers == s.idle
			s.mu.Unlock()
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / storm
	}
	allocated()
	if each := allocated(); each > headRoom*3/2 { // two buffers are more
		t.Errorf("%d bytes are allocated for each handshake of the second storm", each)
	}
}

// arriving has a whole handshake.
type arriving struct{ recorded }

func (c *arriving) Peek(p []byte) int {
	n, _ := c.ReadAt(p, 0)
	return n
}

// opens replaces the table of routes.
func opens(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/ws") || strings.HasPrefix(r.URL.Path, "/api/stream/")
}

// recorded is a connection on which bytes have arrived.
type recorded struct {
	net.Conn
	*strings.Reader
}

func (c *recorded) Read(p []byte) (int, error) { return c.Reader.Read(p) }
func (c *recorded) Peek([]byte) int            { panic("nobody peeks") }
func (c *recorded) Close() error               { return nil }
func (c *recorded) RemoteAddr() net.Addr       { return &net.TCPAddr{} }

func (c *recorded) Ordinary() (net.Conn, error) { panic("nobody waits for it") }

// handshaking serves on a socket, with separate handshakes, and reports each of these
// connections' states; left reports each connection that was passed to net/http.
func handshaking(t *testing.T, h http.Handler) (address string, left chan struct{}, states func() []http.ConnState) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("handshakes are net/http's on this system")
	}
	var mu sync.Mutex
	var all []http.ConnState
	d, _ := closedDoor(t, func() bool { return false }, Config{})
	d.handshakes = newHandshakes(h, opens, func(_ net.Conn, s http.ConnState) { mu.Lock(); defer mu.Unlock(); all = append(all, s) },
		slog.New(slog.DiscardHandler))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "net/http")
	})}
	left = make(chan struct{}, 100)
	server.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			left <- struct{}{}
		}
	}
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.serve(server); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { server.Close(); running.Wait(); d.handshakes.close() })
	return d.sockets[0].Addr().String(), left, func() []http.ConnState {
		mu.Lock()
		defer mu.Unlock()
		return append([]http.ConnState(nil), all...)
	}
}

// send sends a request in pieces, those after the first once the connection was left to
// net/http, and returns the whole answer.
func send(t *testing.T, address string, left chan struct{}, pieces ...string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testenv.Patience))
	for i, p := range pieces {
		if i == 1 {
			<-left
		}
		if _, err := io.WriteString(c, p); err != nil {
			t.Fatal(err)
		}
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("%v after %q", err, b)
	}
	return string(b)
}

func TestARefusedHandshakeIsAnsweredAndTheConnectionCloses(t *testing.T) {
	address, left, states := handshaking(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, _, err := net.SplitHostPort(r.RemoteAddr); err != nil || r.URL.Query().Get("user") != "alice" || r.Host != "a" {
			t.Errorf("from %q to %q for %q", r.RemoteAddr, r.URL, r.Host)
		}
		w.Header().Set("X-Reason", "none")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no")
	}))
	// The connection may be accepted before the request arrives: then it is left to net/http.
	for range 100 {
		got := send(t, address, left, "GET /ws?user=alice HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n")
		if strings.HasSuffix(got, "net/http") {
			continue
		}
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		for _, want := range []string{"HTTP/1.1 403 Forbidden\r\n", "\r\nConnection: close", "\r\nContent-Length: 2", "\r\nX-Reason: none",
			"\r\nDate: "} {
			if !strings.Contains(head+"\r\n", want) {
				t.Errorf("%q lacks %q", head, want)
			}
		}
		for deadline := time.Now().Add(testenv.Patience); len(states()) < 2 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond) // its state is reported after the connection was closed
		}
		if all := states(); body != "no" || len(all) != 2 || all[0] != http.StateNew || all[1] != http.StateClosed {
			t.Errorf("body %q, states %v", body, all)
		}
		return
	}
	t.Error("no handshake of a hundred was served at once")
}

func TestOtherRequestsGoToNetHTTPUnread(t *testing.T) {
	address, left, states := handshaking(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("served as a handshake") }))
	for _, pieces := range [][]string{
		{"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgr", "ade: websocket\r\n\r\n"},
		{"GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", "\r\n"},
		{"POST /ws HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n", "abc"},
	} {
		if got := send(t, address, left, pieces...); !strings.HasSuffix(got, "\r\n\r\nnet/http") {
			t.Errorf("%q: %q", pieces, got)
		}
	}
	if all := states(); len(all) != 0 {
		t.Errorf("states %v", all)
	}
}

// A handler that panics ends only its own connection.
func TestAHandshakeThatPanicsEndsAlone(t *testing.T) {
	s := newHandshakes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("of the test") }), opens,
		func(net.Conn, http.ConnState) {}, slog.New(slog.DiscardHandler))
	head := "GET /ws HTTP/1.1\r\nHost: a\r\n" + upgrade
	if !s.serve(&recorded{Reader: strings.NewReader(head)}, []byte(head), bufio.NewReader(nil)) {
		t.Error("not taken")
	}
}

// Each arrival is served, however many block, and few workers remain.
func TestBlockedHandshakesDelayNoOthers(t *testing.T) {
	release := make(chan struct{})
	var inside sync.WaitGroup
	s := newHandshakes(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Done(); <-release }), opens,
		func(net.Conn, http.ConnState) {}, slog.Default())
	const many = 5 * idleWorkers
	var served sync.WaitGroup
	for range many {
		inside.Add(1)
		served.Add(1)
		s.accept(&whole{served: &served}, func() { t.Error("left to net/http") })
	}
	inside.Wait()
	close(release)
	served.Wait()
	s.close()
	served.Add(1)
	s.accept(&whole{served: &served}, nil) // which closes it
	served.Wait()
}

// whole is a connection on which a complete handshake has arrived.
type whole struct {
	recorded
	served *sync.WaitGroup
	closed bool
}

func (c *whole) Peek(p []byte) int { return copy(p, "GET /ws HTTP/1.1\r\nHost: a\r\n"+upgrade) }
func (c *whole) Read(p []byte) (int, error) {
	return len(p), nil
}

func (c *whole) Close() error {
	if !c.closed {
		c.closed = true
		c.served.Done()
	}
	return nil
}
