package httpapi_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
	if n := s.ways.Streams(); n != 0 {
		t.Errorf("%d streams", n)
	}
}
