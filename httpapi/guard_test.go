package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/httpapi"
)

func TestAForeignHostIsRefusedEverywhere(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/", "/healthz", "/readyz", "/openapi.json", "/api/messages", "/api/users", "/api//x", "/api/channels/..",
		"/nowhere", "/ws"} {
		s.get(path, "Host: evil.example").is(t, 403, "forbidden")
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/", "/debug/pprof", "/debug/pprof/cmdline", "/nowhere"} {
		s.get(s.admin+path, "Host: evil.example").is(t, 403, "forbidden")
	}
	s.do("POST", s.admin+"/admin/api/drain", "", "Host: evil.example").is(t, 403, "forbidden")
	s.do("OPTIONS", "/api/messages", "", "Host: evil.example", "Origin: http://localhost", "Access-Control-Request-Method: POST").is(t, 403,
		"forbidden")
}

func TestOnlyItsOwnPagesDrain(t *testing.T) {
	s := serve(t)
	for _, headers := range [][]string{
		{"Origin: https://evil.example"},
		{"Origin: null"},
		{"Origin: " + s.url}, // a page of the public listener is not one of the admin listener's own
		{"Sec-Fetch-Site: cross-site"},
	} {
		s.do("POST", s.admin+"/admin/api/drain", "", headers...).is(t, 403, "forbidden")
	}
	s.get(s.admin+"/admin/api/drain").is(t, 405, "method_not_allowed")
	if s.drained != 0 {
		t.Fatalf("%d drains were asked for", s.drained)
	}
	s.do("POST", s.admin+"/admin/api/drain", "").is(t, 202, "")
	s.do("POST", s.admin+"/admin/api/drain", "", "Origin: "+s.admin).is(t, 202, "")
	if s.drained != 2 {
		t.Errorf("%d drains were asked for", s.drained)
	}
}

func TestTheAdminListenerAnswersInProblems(t *testing.T) {
	s := serve(t)
	s.get(s.admin+"/nowhere").is(t, 404, "not_found")
	s.get(s.admin+"/debug/pprof/cmdline").is(t, 200, "")
	s.get(s.admin+"/healthz").is(t, 200, "")
}

func TestEveryAnswerForbidsSniffing(t *testing.T) {
	s := serve(t)
	s.get("/healthz").is(t, 200, "")
	s.get("/readyz").is(t, 200, "")
	s.get("/").is(t, 200, "")
	s.get("/api/messages/poll?channel_id=general&timeout=0.2").is(t, 200, "")
	s.do("OPTIONS", "/api/messages", "", "Origin: http://localhost:3000", "Access-Control-Request-Method: POST").is(t, 204, "")
	s.get(s.admin+"/debug/pprof").is(t, 307, "")
}

func TestNoAddressIsRedirected(t *testing.T) {
	s := serve(t)
	for path, code := range map[string]string{
		"/api/users": "not_found", "/api/devices/": "not_found", "/api/devices/x/": "not_found", "/api/push": "not_found",
		"/api/users/bob":         "not_found",
		"/api/users/bob/":        "not_found",
		"/api/channels/general/": "not_found", "/api/channels/general/members/": "not_found", "/api/channels/general/nothing": "not_found",
		"/api//x": "not_found", "//": "not_found", "/api/channels/..": "bad_channel", "/api/stream/.": "bad_channel",
		"/api/channels/./members": "bad_channel", "/ws/chat/..": "bad_channel", "/api/users/../presence": "bad_request", "/..": "not_found",
		"/./":             "not_found",
		"/api/./messages": "not_found", "/api/channels/": "not_found", "/api/channels/%2e%2e": "bad_channel",
		"/api/messages/": "not_found", "/api/messages/./1": "bad_channel", "/api/stream/": "bad_channel", "/healthz/": "not_found",
	} {
		status := 400
		if code == "not_found" {
			status = 404
		}
		s.get(path).is(t, status, code)
	}
}

func TestUnknownMethodsListTheAllowedOnes(t *testing.T) {
	s := serve(t)
	for path, want := range map[string]string{
		"/": "GET, HEAD, OPTIONS", "/healthz": "GET, HEAD, OPTIONS", "/readyz": "GET, HEAD, OPTIONS",
		"/api/messages":           "GET, HEAD, OPTIONS, POST",
		"/api/messages/batch":     "OPTIONS, POST",
		"/api/channels/general":   "DELETE, GET, HEAD, OPTIONS, PUT",
		"/api/messages/general/1": "DELETE, GET, HEAD, OPTIONS, PATCH",
	} {
		a := s.do("QUERY", path, "")
		if a.is(t, 405, "method_not_allowed"); a.Header.Get("Allow") != want {
			t.Errorf("%s allows %q, want %q", path, a.Header.Get("Allow"), want)
		}
		a = s.do("OPTIONS", path, "")
		if a.is(t, 204, ""); a.Header.Get("Allow") != want || a.body != "" {
			t.Errorf("OPTIONS %s allows %q, want %q", path, a.Header.Get("Allow"), want)
		}
	}
	s.do("POST", "/", "").is(t, 405, "method_not_allowed")
	s.do("POST", "/healthz", "").is(t, 405, "method_not_allowed")
	s.do("HEAD", "/healthz", "").is(t, 200, "")
}

func TestHealthIsAnsweredWhileDraining(t *testing.T) {
	s := serve(t)
	s.ways.Drain(func() time.Duration { return 1500 * time.Millisecond })
	s.get("/healthz").is(t, 200, "")
	s.get("/readyz").is(t, 503, "draining")
	s.get("/healthz", "Host: evil.example").is(t, 403, "forbidden")
	s.get("/api/messages").is(t, 503, "draining")
	s.get("/").is(t, 503, "draining")
}

// Health checks of proxies may lack a Host; every browser sends one.
func TestLoopbackHosts(t *testing.T) {
	for host, want := range map[string]bool{"": true, "localhost:1": true, "127.0.0.1": true, "[::1]:80": true, "evil.example": false,
		"127.0.0.1.evil.example": false} {
		if got := httpapi.LoopbackHost(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestReadinessAsksTheStore(t *testing.T) {
	s := serve(t)
	a := s.get("/readyz")
	if a.is(t, 200, ""); a.body != `{"ready":true,"store":{"ok":true},"bus":{"ok":true},"presence":{"ok":true},"settings":{"ok":true}}`+"\n" {
		t.Errorf("%q", a.body)
	}
	s.mu.Lock()
	s.notReady = errors.New("the disk is almost full")
	s.mu.Unlock()
	a = s.get("/readyz")
	if a.is(t, 503, ""); !strings.HasPrefix(a.body, `{"ready":false,"store":{"ok":false,"detail":"the disk is almost full"},`) {
		t.Errorf("the reason is missing: %s", a.body)
	}
}

// A stream that can't be served now gets one event, the same as a stream that is ended.
func TestARefusedStreamIsADrainingEvent(t *testing.T) {
	s := serve(t)
	s.ways.Drain(func() time.Duration { return 1500 * time.Millisecond })
	a := s.get("/api/stream/general")
	want := "retry: 1500\nevent: draining\ndata: " +
		`{"type":"draining","code":"draining","detail":"the server is shutting down","hint":"retry after the given delay",` +
		`"retry_after_ms":1500}` + "\n\n"
	if a.is(t, 200, ""); a.body != want {
		t.Errorf("%q, want %q", a.body, want)
	}
}

func TestBrowserHandshakesBelowWSAreRefusedInAFrame(t *testing.T) {
	s := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for path, want := range map[string]websocket.StatusCode{"/ws/nope": 4404, "/ws/chat/a%20b": 4400, "/ws/chat/general?after=%zz": 4400} {
		c, _, err := websocket.Dial(ctx, s.url+path, &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"http://localhost"}}})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		_, frame, err := c.Read(ctx)
		if err != nil || !strings.HasPrefix(string(frame), `{"type":"error","code":"`) {
			t.Errorf("%s: %s %v", path, frame, err)
		}
		if _, _, err := c.Read(ctx); websocket.CloseStatus(err) != want {
			t.Errorf("%s: %v, want the close %d", path, err, want)
		}
		c.CloseNow()
	}
	_, res, err := websocket.Dial(ctx, s.url+"/ws/nope", nil)
	if err == nil || res == nil || res.StatusCode != 404 {
		t.Errorf("without an Origin: %v, want 404", err)
	}
	_, res, err = websocket.Dial(ctx, s.url+"/ws/nope", &websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
	if err == nil || res == nil || res.StatusCode != 403 {
		t.Errorf("with a foreign Origin: %v, want 403", err)
	}
}

func TestAQueryThatCantBeReadIsRefused(t *testing.T) {
	s := serve(t)
	for _, path := range []string{"/api/messages?channel_id=general&after=%zz", "/api/messages?channel_id=general;after=1",
		"/api/stream/general?after=%zz", "/api/messages/poll?channel_id=general;x", "/api/channels?all=true&%", "/ws/chat/general?after=%zz"} {
		s.get(path).is(t, 400, "bad_request")
	}
	s.do("POST", "/api/messages?channel_id=general&text=%", "").is(t, 400, "bad_request")
}

func TestEncodedBodyIsRefused(t *testing.T) {
	s := serve(t)
	const body = `{"channel_id":"general","text":"x"}`
	a := s.do("POST", "/api/messages", body, "Content-Encoding: gzip")
	if a.is(t, 415, "unsupported_media_type"); a.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("Accept-Encoding is %q", a.Header.Get("Accept-Encoding"))
	}
	s.do("POST", "/api/messages/batch", "["+body+"]", "Content-Encoding: br").is(t, 415, "unsupported_media_type")
	s.do("POST", "/api/messages", body, "Content-Encoding: Identity").is(t, 201, "")
}
