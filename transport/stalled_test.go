package transport

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/internal/clock"
)

// An HTTP/2 stream whose client opens no window for it ends within the heartbeat timeout.
// A stream that is read slowly stays, and so does a quiet one.
func TestStalledHTTP2StreamEnds(t *testing.T) {
	now := clock.NewJumping()
	ways, c, e := running(t, now, Config{HeartbeatTimeout: 10 * time.Second})
	alice := access.Caller{User: "alice", As: access.Developer}
	const messages = 20
	for range messages {
		stored := make(chan parley.Result, 1)
		draft := parley.Draft{Text: strings.Repeat("x", 16<<10)}
		if err := c.Publish(t.Context(), alice, "general", draft, func(r parley.Result) { stored <- r }); err != nil {
			t.Fatal(err)
		}
		if r := <-stored; r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := ways.SSE(w, r, &Request{Caller: alice, Follows: []Follow{{"general", &parley.Cursor{}}}}); err != nil {
			t.Error(err)
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close) // after the bodies
	open := func() *http.Response {
		client := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 32 << 10}}
		t.Cleanup(client.CloseIdleConnections)
		request, err := http.NewRequest("GET", s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r, err := client.RoundTrip(request.WithContext(t.Context()))
		if err != nil || r.ProtoMajor != 2 {
			t.Fatal(r, err)
		}
		t.Cleanup(func() { r.Body.Close() })
		return r
	}
	slow, stalled := open(), open()
	turned := watchWheel(t, e, now)
	pass := func(d time.Duration) {
		for ; d > 0; d -= 500 * time.Millisecond { // small steps, which do not count as a pause
			now.Advance(500 * time.Millisecond)
			turned(now.Now())
		}
	}
	lines := bufio.NewReader(slow.Body)
	for read := 0; read < messages; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the slow stream ended after %d messages: %v", read, err)
		}
		if strings.HasPrefix(line, "data: {\"type\":\"message\"") {
			read++
			pass(2 * time.Second)
		}
	}
	pass(20 * time.Second)
	for give := time.Now().Add(5 * time.Second); e.Len() > 2; runtime.Gosched() { // its handler ends
		if time.Now().After(give) {
			t.Fatal("the stalled stream is open")
		}
	}
	if n := e.Len(); n != 2 { // the other one is the watcher
		t.Fatalf("%d streams are left, want the one that was read", n-1)
	}
	if _, err := io.Copy(io.Discard, stalled.Body); err == nil {
		t.Error("the stalled stream ended as if it were whole")
	}
}

// watchWheel returns a function that waits until the wheel of an engine has advanced to a time.
func watchWheel(t *testing.T, e *engine.Engine, now *clock.Jumping) func(time.Time) {
	w := &watcher{ticked: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	go e.Hold(ctx, new(engine.Conn), w, w, 0)
	give := time.Now().Add(30 * time.Second)
	return func(at time.Time) {
		for last := w.last.Load(); last == nil || last.Before(at); last = w.last.Load() {
			if time.Now().After(give) {
				t.Fatal("the wheel does not turn")
			}
			select {
			case <-w.ticked:
			case <-time.After(10 * time.Millisecond): // it was scheduled for a time that the stopped clock never reaches
				now.Advance(2 * time.Millisecond)
			}
		}
	}
}

// watcher is a peer that only ticks.
type watcher struct {
	last   atomic.Pointer[time.Time]
	ticked chan struct{}
}

func (w *watcher) Tick(now time.Time, _ engine.Sending) time.Duration {
	w.last.Store(&now)
	select {
	case w.ticked <- struct{}{}:
	default:
	}
	return 0
}

func (w *watcher) Receive([]byte) (func(), bool) { return nil, false }
func (w *watcher) Output() ([]byte, error)       { return nil, nil }
func (w *watcher) Unsent([]byte, int)            {}
func (w *watcher) Load(context.Context) error    { return nil }
func (w *watcher) Drain(time.Duration)           {}
func (w *watcher) Gone()                         {}
func (w *watcher) Write(p []byte) (int, error)   { return len(p), nil }
func (w *watcher) Close() error                  { return nil }
