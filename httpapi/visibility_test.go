package httpapi_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/parley-server/parley"
)

// looks demands whether users are visible, and waits in case the end of a connection has yet to be noticed.
func (s *server) looks(t *testing.T, want ...bool) {
	t.Helper()
	for {
		got, err := s.chat.Visible(t.Context(), "alice", "bob")
		if err != nil {
			t.Fatalf("%v; want %v", err, want)
		}
		if fmt.Sprint(got) == fmt.Sprint(want) {
			return
		}
		runtime.Gosched()
	}
}

func (s *socket) look(state string) {
	s.t.Helper()
	s.send(fmt.Sprintf(`{"type":"visibility","state":%q,"key":"v"}`, state))
	if f := s.answer(); f.Type != "ack" || f.Key != "v" {
		s.t.Fatalf("%s: %+v", state, f)
	}
}

// A connection that is hidden does not make its user visible; whether the user is online is independent.
func TestHiddenConnectionIsNotVisible(t *testing.T) {
	s := serve(t)
	s.looks(t, false, false)
	one := s.socket(t, "/ws/chat/general?user=alice")
	s.looks(t, true, false)
	one.look("hidden")
	s.looks(t, false, false)
	if h := s.get("/api/users/alice/presence?user=zoe"); !strings.HasPrefix(h.body, `{"online":true,`) {
		t.Errorf("a hidden user is %s", h.body)
	}
	one.look("hidden") // a second time
	one.look("visible")
	s.looks(t, true, false)
	one.look("hidden")
	two := s.socket(t, "/ws?user=alice")
	s.looks(t, true, false)
	two.look("hidden")
	s.looks(t, false, false)
	for _, state := range []string{"", "visible ", "Hidden", "unloaded"} {
		two.send(fmt.Sprintf(`{"type":"visibility","state":%q,"key":"k"}`, state))
		if f := two.answer(); f.Type != "error" || f.Code != string(parley.CodeBadRequest) || f.Key != "k" {
			t.Errorf("%q: %+v", state, f)
		}
	}
	_ = two.conn.CloseNow()
	_ = one.conn.CloseNow()
	three := s.socket(t, "/ws?user=alice") // a new connection starts visible
	s.looks(t, true, false)
	three.look("hidden")
	lines, end := s.stream("/api/stream/general?user=alice")
	s.data(lines, `"welcome"`)
	s.looks(t, true, false)
	end()
	s.looks(t, false, false)

	guest := s.socket(t, "/ws/chat/general")
	guest.look("hidden") // before it has a user
	guest.send(`{"user":"bob","text":"hello","key":"m"}`)
	if f := guest.answer(); f.Type != "ack" {
		t.Fatalf("%+v", f)
	}
	if got, err := s.chat.Visible(t.Context(), "bob"); err != nil || got[0] {
		t.Errorf("who was hidden before their name was known: %v, %v", got, err)
	}
	guest.look("visible")
	s.looks(t, false, true)
}
