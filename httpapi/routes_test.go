package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// The table of routes says which requests open a stream.
func TestRoutesThatOpenAStream(t *testing.T) {
	a := New(nil, nil, Config{})
	for _, c := range []struct {
		target  string
		upgrade bool
		want    bool
	}{
		{"/ws", true, true},
		{"/ws/chat/general?after=3", true, true},
		{"/ws/nope", true, true}, // where a browser receives the error in a frame
		{"/ws/chat/general", false, false},
		{"/api/stream/general", false, true},
		{"/api/stream/a%2Fb", false, true},
		{"/api/stream?channel_id=a", false, true},
		{"/api/streams", false, false},
		{"/api/messages", true, false},
		{"/api/messages/poll?channel_id=a", false, false},
		{"/", false, false},
		{"/nowhere", true, false},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.upgrade {
			r.Header.Set("Upgrade", "websocket")
		}
		if got := a.OpensStream(r); got != c.want {
			t.Errorf("%s, upgrade %t: %t, want %t", c.target, c.upgrade, got, c.want)
		}
	}
}
