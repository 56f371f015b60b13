package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
)

// caching is the Cache-Control of each GET, by route. What depends on the caller's rights, or may
// be deleted a moment later, is never stored (RFC 9111, section 5.2.2.5); what has an entity tag is
// stored only by the caller's own cache, which revalidates each time; the description is the same
// for all callers. A route that is missing here fails the test.
var caching = map[string]string{
	"GET /openapi.json":                "no-cache",
	"GET /healthz":                     "no-store",
	"GET /readyz":                      "no-store",
	"GET /api/messages":                "private, no-cache",
	"GET /api/messages/poll":           "no-store",
	"GET /api/messages/{channel}/{id}": "no-store",
	"GET /api/messages/{channel}/{id}/reactions/{emoji}": "no-store",
	"GET /api/channels":                    "no-store",
	"GET /api/channels/{channel}":          "no-store",
	"GET /api/channels/{channel}/members":  "no-store",
	"GET /api/channels/{channel}/presence": "no-store",
	"GET /api/users/{user}/presence":       "no-store",
	"GET /api/devices":                     "no-store",
	"GET /api/push/public-key":             "no-store",
	"GET /api/stream":                      "no-cache, no-transform",
	"GET /api/stream/{channel}":            "no-cache, no-transform",
	"GET /ws":                              "", // 101 Switching Protocols is never kept
	"GET /ws/chat":                         "",
	"GET /ws/chat/{channel}":               "",
}

// pageRoutes are answered by Config.Pages, which sets its own caching policy.
var pageRoutes = map[string]bool{"GET /": true, "GET /parley.js": true, "GET /parley-extras.js": true, "GET /chat.js": true,
	"GET /emoji.js": true, "GET /code.js": true, "GET /sw.js": true,
	"GET /examples": true, "GET /examples/": true, "GET /examples/{name}": true}

func TestWhatCachesMayKeep(t *testing.T) {
	s := serve(t)
	s.post("room", "hello")
	s.do("PUT", "/api/messages/room/1/reactions/x", `{"user":"bob"}`).is(t, 204, "")
	for _, route := range routes(t, s) {
		if !strings.HasPrefix(route, "GET ") || pageRoutes[route] {
			continue
		}
		want, ok := caching[route]
		if !ok {
			t.Errorf("%s is not in caching", route)
			continue
		}
		path := strings.NewReplacer("{channel}", "room", "{id}", "1", "{emoji}", "x", "{user}", "bob").Replace(
			strings.TrimPrefix(route, "GET "),
		)
		header := []string{}
		if strings.HasPrefix(path, "/ws") {
			header = append(header, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
				"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==")
		}
		for _, method := range []string{"GET", "HEAD"} {
			if method == "HEAD" && (strings.HasPrefix(path, "/ws") || strings.HasPrefix(path, "/api/stream")) {
				continue
			}
			a := s.head(method, path+"?channel_id=room&user=bob&timeout=0", header...)
			if a.StatusCode >= 300 {
				t.Errorf("%s %s: %s", method, path, a.Status)
			}
			if got := a.Header.Get("Cache-Control"); got != want {
				t.Errorf("%s %s: Cache-Control is %q, want %q", method, path, got, want)
			}
		}
	}
	// A refusal may change a moment later.
	for _, path := range []string{"/api/channels/%20", "/api/messages/room/9", "/nothing"} {
		if a := s.get(path); a.StatusCode < 400 || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s with Cache-Control %q", path, a.Status, a.Header.Get("Cache-Control"))
		}
	}
}

// head sends a request and returns the answer without its body, which may be endless.
func (s *server) head(method, path string, headers ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	res.Body.Close()
	return res
}
