package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// wsFrame is what the server sends in one frame.
type wsFrame struct {
	Type, Channel, Key, Code, Event, User, Name string
}

// socket is a connection whose frames the test reads one by one.
type socket struct {
	t    *testing.T
	ctx  context.Context
	conn *websocket.Conn
}

func (s *server) socket(t *testing.T, path string) *socket {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	conn, _, err := websocket.Dial(ctx, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &socket{t, ctx, conn}
}

func (s *socket) send(frame string) {
	s.t.Helper()
	if err := s.conn.Write(s.ctx, websocket.MessageText, []byte(frame)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *socket) next() (f wsFrame) {
	s.t.Helper()
	_, b, err := s.conn.Read(s.ctx)
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return f
}

// answer returns the next frame with a key.
func (s *socket) answer() wsFrame {
	for {
		if f := s.next(); f.Key != "" && f.Type != "message" {
			return f
		}
	}
}

func TestEveryFrameWithAKeyIsAnsweredWithIt(t *testing.T) {
	s := serve(t)
	ws := s.socket(t, "/ws?user=alice")
	deep := strings.Repeat(`{"a":`, 65) + "1" + strings.Repeat("}", 65)
	for i, c := range []struct{ frame, answer string }{
		{`"type":"subscribe","channel":"room"`, "welcome room"},
		{`"channel":"room","text":"hello"`, "ack room"},
		{`"type":"ping"`, "pong"},
		{`"type":"pong"`, "ack"},
		{`"type":"history","channel":"room"`, "history room"},
		{`"type":"history","channel":"room","after":99`, "error room cursor_gone"},
		{`"type":"event","event":"e","channel":"room"`, "ack room"},
		{`"type":"event","event":"open","channel":"room"`, "error room bad_request"},
		{`"type":"typing","channel":"room"`, "ack room"},
		{`"type":"read","channel":"room","id":1`, "ack room"},
		{`"type":"read","channel":"room"`, "error room bad_request"},
		{`"type":"watch","users":["bob"]`, "ack"},
		{`"type":"visibility","state":"hidden"`, "ack"},
		{`"type":"auth","token":"t"`, "ack"},
		{`"type":"unsubscribe","channel":"room"`, "ack room"},
		{`"type":"nonsense","channel":"room"`, "error room bad_request"},
		{`"text":"of no channel"`, "error bad_channel"},
		{`"channel":"a b","text":"x"`, "error bad_channel"},
		{`"channel":"room"`, "error room bad_request"},
		{`"channel":"room","text":5`, "error room bad_request"},
		{`"channel":"room","text":"x","data":` + deep, "error room bad_json"},
		{`"channel":"room","text":"x","user":"a b"`, "error room bad_request"},
		{`"channel":"room","text":"` + strings.Repeat("x", 16<<10+1) + `"`, "error room too_large"},
	} {
		key := fmt.Sprint("k", i)
		ws.send(`{` + c.frame + `,"key":"` + key + `"}`)
		f := ws.answer()
		if got := strings.Join(strings.Fields(f.Type+" "+f.Channel+" "+f.Code), " "); got != c.answer || f.Key != key {
			t.Errorf("{%.80s}: %s with %q, want %s with %q", c.frame, got, f.Key, c.answer, key)
		}
	}
	long := strings.Repeat("k", 129)
	ws.send(`{"channel":"room","text":"x","key":"` + long + `"}`)
	if f := ws.answer(); f.Code != "too_large" || f.Key != long {
		t.Errorf("a long key: %+v", f)
	}
}

// The refusal of a token has the key of its frame, and precedes the end of the connection.
func TestTokenRefusalHasTheKey(t *testing.T) {
	s := production(t)
	ws := s.socket(t, "/ws?token="+tokenFor(t, "alice", nil))
	ws.send(`{"type":"auth","token":"forged","key":"k"}`)
	if f := ws.next(); f.Type != "error" || f.Code != "unauthorized" || f.Key != "k" {
		t.Errorf("%+v", f)
	}
}

// Twenty events of a burst pass, whenever in a second it begins.
func TestTwentyEventsPassInAnySecond(t *testing.T) {
	s := serve(t)
	ws := s.socket(t, "/ws/chat/room?user=alice")
	ws.next()
	begin, passed := time.Now(), 0
	var times []time.Time
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := 0; time.Since(begin) < 2300*time.Millisecond; i++ {
		if i > 20 {
			<-tick.C
		}
		ws.send(fmt.Sprintf(`{"type":"event","event":"e","key":"k%d"}`, i))
		switch f := ws.answer(); {
		case f.Type == "ack":
			passed++
			times = append(times, time.Now())
		case f.Code != "rate_limited":
			t.Fatalf("%+v", f)
		case passed < 20:
			t.Fatalf("event %d was refused after %d", i, passed)
		}
	}
	for i := 20; i < len(times); i++ {
		if d := times[i].Sub(times[i-20]); d < 900*time.Millisecond {
			t.Errorf("21 events passed in %v", d)
		}
	}
	if passed < 41 {
		t.Errorf("%d events passed in 2.3 s", passed)
	}
}

// An event carries the display name, like a message.
func TestAnEventCarriesTheName(t *testing.T) {
	s := production(t)
	lines, _ := s.stream("/api/stream/hall?token=" + tokenFor(t, "bob", []string{"hall"}))
	s.data(lines, `"welcome"`)
	s.do("POST", "/api/channels/hall/events", `{"event":"score","data":{"home":2}}`,
		"Authorization: Bearer "+named(t, "alice", "Alice Doe", "hall")).is(t, 202, "")
	want := `{"type":"event","event":"score","user":"alice","name":"Alice Doe","channel":"hall","data":{"home":2}}`
	if got := s.data(lines, `"event"`); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.do("POST", "/api/messages", `{"channel_id":"hall","user":"ref","text":"x"}`, "Authorization: Bearer "+apiKey).is(t, 201, "")
	s.do("PUT", "/api/channels/hall/members/alice", "", "Authorization: Bearer "+apiKey).is(t, 204, "")
	s.do("POST", "/api/messages", `{"channel_id":"hall","user":"ref","text":"y"}`, "Authorization: Bearer "+apiKey).is(t, 201, "")
	s.do("POST", "/api/channels/hall/read", `{"id":2}`, "Authorization: Bearer "+named(t, "alice", "Alice Doe", "hall")).is(t, 200, "")
	if got := s.data(lines, `"read"`); got != `{"type":"read","channel":"hall","user":"alice","name":"Alice Doe","id":2}` {
		t.Errorf("a read pointer: %s", got)
	}
	s.do("POST", "/api/channels/hall/events", `{"event":"score","user":"ref"}`, "Authorization: Bearer "+apiKey).is(t, 202, "")
	if got := s.data(lines, `"event"`); got != `{"type":"event","event":"score","user":"ref","channel":"hall"}` {
		t.Errorf("without a name: %s", got)
	}
}

func TestTypingOverHTTP(t *testing.T) {
	s := production(t)
	lines, _ := s.stream("/api/stream/hall?token=" + tokenFor(t, "bob", []string{"hall"}))
	s.data(lines, `"welcome"`)
	s.do("POST", "/api/channels/hall/typing", "", "Authorization: Bearer "+named(t, "alice", "Alice Doe", "hall")).is(t, 202, "")
	want := `{"type":"typing","user":"alice","name":"Alice Doe","channel":"hall"}`
	if got := s.data(lines, `"typing"`); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.do("POST", "/api/channels/hall/typing", `{"user":"ref"}`, "Authorization: Bearer "+apiKey).is(t, 202, "")
	if got := s.data(lines, `"typing"`); got != `{"type":"typing","user":"ref","name":"ref","channel":"hall"}` {
		t.Errorf("a back end for a user: %s", got)
	}
}

// In development callers also choose their display name; elsewhere the credentials contain it.
func TestInDevelopmentACallerChoosesTheName(t *testing.T) {
	s := serve(t)
	lines, _ := s.stream("/api/stream/hall?user=bob")
	s.data(lines, `"welcome"`)
	const who = `"user":"alice","name":"Alice Doe",`
	for _, post := range []func(){
		func() {
			s.do("POST", "/api/messages", `{"channel_id":"hall","user":"alice","name":"Alice Doe","text":"x"}`).is(t, 201, "")
		},
		func() {
			s.do("POST", "/api/messages?user=alice&name=Alice+Doe", `{"channel_id":"hall","text":"x"}`).is(t, 201, "")
		},
		func() {
			s.do("POST", "/api/messages/batch", `[{"channel_id":"hall","user":"alice","name":"Alice Doe","text":"x"}]`).is(t, 200, "")
		},
	} {
		post()
		if got := s.data(lines, `"message"`); !strings.Contains(got, who) {
			t.Errorf("%s has no %s", got, who)
		}
	}
	s.do("POST", "/api/channels/hall/events", `{"event":"score","user":"alice","name":"Alice Doe"}`).is(t, 202, "")
	if got := s.data(lines, `"event"`); !strings.Contains(got, who) {
		t.Errorf("%s has no %s", got, who)
	}
	s.do("POST", "/api/channels/hall/typing", `{"user":"alice","name":"Alice Doe"}`).is(t, 202, "")
	if got := s.data(lines, `"typing"`); !strings.Contains(got, who) {
		t.Errorf("%s has no %s", got, who)
	}
	for path, frame := range map[string]string{
		"/ws/chat/hall": `{"user":"alice","name":"Alice Doe","text":"x"}`,
		"/ws/chat/hall?user=alice&name=Alice+Doe": `{"text":"x"}`,
	} {
		ws := s.socket(t, path)
		ws.send(frame)
		if got := s.data(lines, `"message"`); !strings.Contains(got, who) {
			t.Errorf("%s: %s has no %s", path, got, who)
		}
		ws.send(`{"type":"event","event":"score"}`)
		if got := s.data(lines, `"event"`); !strings.Contains(got, who) {
			t.Errorf("%s: the connection keeps the name: %s has no %s", path, got, who)
		}
	}
	s.do("POST", "/api/messages", `{"channel_id":"hall","user":"alice","name":5,"text":"x"}`).is(t, 201, "")
	long := strings.Repeat("x", 129)
	s.do("POST", "/api/messages", `{"channel_id":"hall","user":"alice","name":"`+long+`","text":"x"}`).is(t, 400, "bad_request")

	p, signed := production(t), named(t, "alice", "Alice", "hall")
	o := p.do("POST", "/api/messages", `{"channel_id":"hall","name":"The Boss","text":"x"}`, "Authorization: Bearer "+signed)
	if o.is(t, 201, ""); !strings.Contains(o.body, `"name":"Alice"`) {
		t.Errorf("in production: %s", o.body)
	}
}
