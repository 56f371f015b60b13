package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/transport"
)

// A page whose connection the door turns away can read why, and its EventSource comes back.
func TestWhoIsTurnedAwayIsAnsweredInItsWay(t *testing.T) {
	s := serve(t)
	e := &parley.Error{Code: parley.CodeRateLimited, Detail: "too many", RetryAfter: 7 * time.Second}
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/api/stream/general": {200, "event: draining\n"},
		"/ws/chat/general":    {429, `"rate_limited"`},
	} {
		r := httptest.NewRequestWithContext(transport.TurnAway(t.Context(), e), "GET", path, nil)
		r.Host = "localhost"
		r.Header.Set("Origin", "http://localhost:3000")
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != want.status || !strings.Contains(w.Body.String(), want.body) || w.Header().Get("Retry-After") != "7" ||
			w.Header().Get("Access-Control-Allow-Origin") != "http://localhost:3000" {
			t.Errorf("%s: %d %v %s", path, w.Code, w.Header(), w.Body)
		}
	}
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.api.ServeHTTP(w, r.WithContext(transport.TurnAway(r.Context(), e)))
	}))
	defer away.Close()
	page := http.Header{"Origin": {"http://localhost:3000"}}
	c, _, err := websocket.Dial(t.Context(), away.URL+"/ws", &websocket.DialOptions{HTTPHeader: page})
	if err != nil {
		t.Fatal(err)
	}
	if _, frame, err := c.Read(t.Context()); err != nil || !strings.Contains(string(frame), `"rate_limited"`) {
		t.Errorf("%s, %v", frame, err)
	}
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 4429 {
		t.Error(err)
	}
	for late := time.Now().Add(20 * time.Second); s.ways.Streams() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(late) {
			t.Fatalf("%d streams", s.ways.Streams())
		}
	}
}
