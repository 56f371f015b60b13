package door

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley/engine"
	"github.com/parley-server/parley/testenv"
	"github.com/parley-server/parley/transport"
)

// closedDoor creates a door that does not accept yet, and returns its URL.
func closedDoor(t *testing.T, full func() bool, cfg Config) (*Door, string) {
	t.Helper()
	sockets, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(engine.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	d := New(sockets, e, cfg)
	d.full = full
	return d, "http://" + sockets[0].Addr().String()
}

// serveOn serves "ok" until the test ends and returns the URL.
func serveOn(t *testing.T, full func() bool, cfg Config) (*Door, string) {
	t.Helper()
	d, url := closedDoor(t, full, cfg)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })}
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Serve(server, opens); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { server.Close(); running.Wait() })
	return d, url
}

func TestWhoFindsNoRoomIsToldToComeBackAndThenServed(t *testing.T) {
	var full atomic.Bool
	full.Store(true)
	_, url := serveOn(t, full.Load, Config{})
	get := func() *http.Response {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		res, err := client.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	for range 3 {
		res := get()
		var p struct{ Code string }
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || res.StatusCode != 503 || res.Header.Get("Retry-After") == "" ||
			p.Code != "overloaded" {
			t.Fatalf("without room: %s, %q, %v", res.Status, p.Code, err)
		}
	}
	full.Store(false)
	if res := get(); res.StatusCode != 200 {
		t.Errorf("with room: %s", res.Status)
	}
}

// What opens a stream is answered by the handler, which knows why it is refused; anything else is not.
func TestWhoOpensAStreamWithoutRoomIsAnsweredInItsWay(t *testing.T) {
	d, url := closedDoor(t, func() bool { return true }, Config{Logger: slog.New(slog.DiscardHandler)})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if e := transport.TurnedAway(r.Context()); e == nil || r.RemoteAddr == "" {
			t.Errorf("%v, from %q", e, r.RemoteAddr)
		}
		if r.URL.Path == "/api/stream/panics" {
			panic("of the test")
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "event: draining\n\n")
	})}
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Serve(server, opens); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { server.Close(); running.Wait() })
	for path, want := range map[string]string{"/api/stream/c": "200 event: draining\n\n", "/api/messages": "503 ",
		"/api/stream/panics": "503 "} {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}
		res, err := client.Get(url + path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if got := fmt.Sprintf("%d %s", res.StatusCode, body); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
}

func TestWhoSpeaksTLSIsToldToComeBackToo(t *testing.T) {
	cert, key, roots := testenv.Certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	_, url := serveOn(t, func() bool { return true }, Config{TLS: &tls.Config{Certificates: []tls.Certificate{pair}}})
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	res, err := client.Get(strings.Replace(url, "http:", "https:", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("without room: %s", res.Status)
	}
}

func TestReturnedConnectionKeepsItsEarlyBytes(t *testing.T) {
	d, _ := serveOn(t, func() bool { return false }, Config{})
	client, server := net.Pipe()
	defer client.Close()
	go d.GiveBack(server, []byte("GET / HTTP/1.1\r\nHo"))
	go io.WriteString(client, "st: a\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(client)
	if err != nil || string(answer[len(answer)-2:]) != "ok" {
		t.Errorf("answered with %q, %v", answer, err)
	}
}
