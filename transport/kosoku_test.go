package transport

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"parley/chat"
	"parley/engine"
	"parley/hub"
	"parley/testenv"
	"parley/wire"
)

// echo is a wsPeer that sends back what it receives instead of taking it for a
// frame of the API; the handshake, framing, pings and closing are the real ones.
type echo struct{ *wsPeer }

func (e echo) Receive(b []byte) (func(), bool) { return e.receive(b, e.frame) }

func (e echo) frame(op wire.Op, payload []byte) error {
	if op != wire.OpText && op != wire.OpBinary {
		return e.wsPeer.frame(op, payload)
	}
	e.session.Send(append(wire.AppendFrameHeader(nil, op, len(payload)), payload...))
	if e.full() {
		return wire.ErrPause
	}
	return nil
}

func echoServer(t *testing.T) (url string) {
	t.Helper()
	h := hub.New(nil, hub.Config{})
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = e.Run(ctx) })
	t.Cleanup(func() { e.Close(); stop(); running.Wait() })
	transports := New(chat.New(nil, nil, h, chat.Config{}), e, Config{MaxFrame: 32 << 20, HeartbeatInterval: time.Hour})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accept, err := handshake(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		p := transports.newPeer(chat.Caller{}, switching(w.Header(), accept))
		nc, err := hijack(w)
		if err != nil {
			t.Error(err)
			return
		}
		e.Park(&p.conn, nc.Conn, nc.early, echo{p}, true, time.Hour)
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", "ws", 1)
}

// kosoku runs the cases of the Autobahn test suite against an echo server: all but
// 12 and 13, which are about compression.
func TestTheAutobahnCasesPass(t *testing.T) {
	kosoku := filepath.Join(filepath.Dir(testenv.Need(t, "python")), "kosoku")
	lines := testenv.Run(t, kosoku, "--outdir", t.TempDir(), "-x", "12.*", "-x", "13.*", echoServer(t)).Rest()
	passed := regexp.MustCompile(`(?m)^(\d+) cases passed$`).FindStringSubmatch(strings.Join(lines, "\n"))
	if passed == nil {
		t.Fatalf("kosoku says %q", lines)
	}
	if n, err := strconv.Atoi(passed[1]); err != nil || n < 100 {
		t.Errorf("only %s cases ran", passed[1])
	}
	t.Log(passed[0])
}
