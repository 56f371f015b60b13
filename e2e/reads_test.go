package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/testenv"
)

// limited demands that an answer is rate_limited and has a retry delay.
func (p *production) limited(what string, res *http.Response, body string) {
	p.t.Helper()
	var e struct{ Code, Hint string }
	after := 0
	_, err := fmt.Sscan(res.Header.Get("Retry-After"), &after)
	if json.Unmarshal([]byte(body), &e) != nil || res.StatusCode != 429 || e.Code != "rate_limited" || e.Hint == "" || err != nil ||
		after < 1 {
		p.t.Errorf("%s: %s %s, Retry-After %q", what, res.Status, body, res.Header.Get("Retry-After"))
	}
}

// told sends a frame and returns the type and the retry delay of its answer.
func told(t *testing.T, ws *websocket.Conn, frame string) (kind string, retry int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	if err := ws.Write(ctx, websocket.MessageText, []byte(strings.TrimSuffix(frame, "}")+`,"key":"the-key"}`)); err != nil {
		t.Fatal(err)
	}
	for {
		_, b, err := ws.Read(ctx)
		var f struct {
			Type, Code, Key string
			Retry           int `json:"retry_after_ms"`
		}
		if err != nil || json.Unmarshal(b, &f) != nil {
			t.Fatalf("%s: %s %v", frame, b, err)
		}
		if f.Key == "the-key" {
			return strings.TrimSpace(f.Type + " " + f.Code), f.Retry
		}
	}
}

func (p *production) dial(path, token, ip string) *websocket.Conn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testenv.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, p.URL+path,
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}, "X-Forwarded-For": {ip}}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { ws.CloseNow() })
	return ws
}

func TestWhoReadsTooMuchIsToldToWait(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-reads-user", "0.02") // one, the next after 50 s
	p.expect(201, "POST", "/api/messages", p.key, `{"channel_id":"room:a","text":"x","user":"bob"}`)
	alice := p.hour("alice", "*")
	p.expect(200, "GET", "/api/messages?channel_id=room:a", alice, "")
	reads := []string{
		"/api/messages?channel_id=room:a",
		"/api/messages?channel_id=room:a&channel_id=room:b",
		"/api/messages",
		"/api/messages/room:a/1",
		"/api/messages?channel_id=room:a&thread=1",
		"/api/messages/poll?channel_id=room:a&timeout=0",
		"/api/channels",
		"/api/channels?all=true",
		"/api/channels/room:a",
		"/api/channels/room:a/members",
		"/api/channels/room:a/presence",
		"/api/users/bob/presence",
		"/ws",
		"/ws/chat/room:a",
	}
	for _, path := range reads {
		res, body := p.do("GET", path, alice, "")
		p.limited(path, res, body)
	}
	for path, body := range map[string]string{"/api/tickets": "", "/api/channels/room:a/read": `{"id":1}`} {
		res, problem := p.do("POST", path, alice, body)
		p.limited(path, res, problem)
	}
	if res, body := p.do("GET", "/api/stream/room:a", alice, ""); res.StatusCode != 200 || !strings.Contains(body, "\nevent: draining\n") ||
		!strings.Contains(body, `"code":"rate_limited"`) {
		t.Errorf("an event stream: %s %q", res.Status, body)
	}
	p.expect(201, "POST", "/api/messages", alice, `{"channel_id":"room:a","text":"x"}`)          // sending still works
	p.expect(200, "GET", "/api/messages?channel_id=room:a", p.hour("bob", "*"), "")              // and other users are not affected
	p.expect(200, "GET", "/api/messages/poll?channel_id=room:a&timeout=0", p.hour("b", "*"), "") // of the same address
	for range 10 {
		p.expect(200, "GET", "/api/messages?channel_id=room:a", p.key, "") // back ends are not limited
	}

	// An open WebSocket stays open; only opening it counted as a read.
	ws := p.dial("/ws", p.hour("carol", "*"), "")
	for _, frame := range []string{`{"type":"history","channel":"room:a"}`, `{"type":"subscribe",` +
		`"channel":"room:a"}`, `{"type":"watch","users":["bob"]}`,
		`{"type":"read","channel":"room:a","id":1}`, `{"type":"typing",` +
			`"channel":"room:a"}`, `{"type":"auth","token":"` + p.hour("carol", "*") + `"}`} {
		if got, retry := told(t, ws, frame); got != "error rate_limited" || retry < 1000 {
			t.Errorf("%.40s: %s, %d ms", frame, got, retry)
		}
	}
	for frame, want := range map[string]string{`{"type":"ping"}`: "pong", `{"channel":"room:a","text":"y"}`: "ack"} {
		if got, _ := told(t, ws, frame); got != want {
			t.Errorf("%s: %s", frame, got)
		}
	}
	if n := p.refusals("reads_user"); n != len(reads)+2+1+6 {
		t.Errorf("%d refusals were counted", n)
	}
}

func TestAnAddressThatReadsTooMuch(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-reads-ip", "0.02", "--trusted-proxies", "127.0.0.1")
	read := func(ip, user string) (*http.Response, string) {
		return p.from(ip, "GET", "/api/messages?channel_id=room:a", p.hour(user, "*"), "")
	}
	if res, body := read("203.0.113.1", "alice"); res.StatusCode != 200 {
		t.Errorf("%s %s", res.Status, body)
	}
	res, body := read("203.0.113.1", "bob")
	p.limited("another user there", res, body)
	if res, body := read("203.0.113.2", "alice"); res.StatusCode != 200 {
		t.Errorf("elsewhere: %s %s", res.Status, body)
	}
	if n := p.refusals("reads_ip"); n != 1 {
		t.Errorf("%d refusals were counted", n)
	}
}

// Large answers cost more: a user who fetched some waits longer for the next.
func TestLargeAnswersCostMore(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-reads-user", "0.1", "--rate-reads-ip", "0") // two, the next after 10 s
	text := strings.Repeat("x", 16<<10)
	for range 20 {
		p.expect(201, "POST", "/api/messages", p.key, `{"channel_id":"room:a","text":"`+text+`"}`)
	}
	wait := func(user, query string) (after int) {
		t.Helper()
		token := p.hour(user, "*")
		p.expect(200, "GET", "/api/messages?channel_id=room:a"+query, token, "")
		for {
			res, body := p.do("GET", "/api/messages?channel_id=room:a&limit=1&after=20", token, "")
			if res.StatusCode == 200 {
				continue
			}
			p.limited(user, res, body)
			_, _ = fmt.Sscan(res.Header.Get("Retry-After"), &after)
			return after
		}
	}
	if small, large := wait("alice", "&limit=1&after=20"), wait("bob", "&limit=10"); small > 10 || large < 2*small {
		t.Errorf("after little %d s, after much %d s", small, large)
	}
}

func TestAUserMakesOnlySoManyChannels(t *testing.T) {
	t.Parallel()
	p := serve(t, "--channels-per-user", "2")
	p.expect(201, "POST", "/api/messages", p.key, `{"channel_id":"room:there","text":"x"}`)
	say := func(token, channel string) (*http.Response, string) {
		return p.do("POST", "/api/messages", token, `{"channel_id":"`+channel+`","text":"x"}`)
	}
	alice := p.hour("alice", "*=a")
	for _, channel := range []string{"room:there", "room:1", "room:1", "room:2", "room:2", "room:there"} {
		if res, body := say(alice, channel); res.StatusCode != 201 {
			t.Errorf("%s: %s %s", channel, res.Status, body)
		}
	}
	res, body := say(alice, "room:3")
	p.limited("a third by a message", res, body)
	for _, request := range [][2]string{{"/api/channels/room:4", `{"title":"t"}`}, {"/api/channels/room:4", `{"kind":"members"}`},
		{"/api/channels/room:4/members/alice", ""}, {"/api/channels/room:4/members/bob", `{"role":"admin"}`},
		{"/api/channels/dm:alice:zoe", ""}} {
		res, body := p.do("PUT", request[0], alice, request[1])
		p.limited(strings.Join(request[:], " "), res, body)
	}
	if _, items := p.do("POST", "/api/messages/batch", alice, `[{"channel_id":"room:5","text":"x"},{"channel_id":"room:1",`+
		`"text":"x"}]`); strings.Count(
		items,
		`"rate_limited"`,
	) != 1 ||
		strings.Count(items, `"id":`) != 1 {
		t.Errorf("a batch: %s", items)
	}
	ws := p.dial("/ws", alice, "")
	for frame, want := range map[string]string{`{"channel":"room:6",` +
		`"text":"x"}`: "error rate_limited", `{"channel":"room:2",` +
		`"text":"x"}`: "ack", `{"type":"subscribe","channel":"room:7"}`: "welcome", `{"type":"event","event":"e","data":{},` +
		`"channel":"room:7"}`: "ack"} {
		if got, _ := told(t, ws, frame); got != want {
			t.Errorf("%s: %s, want %s", frame, got, want)
		}
	}
	for _, channel := range []string{"room:3", "room:4", "room:5", "room:6", "room:7", "dm:alice:zoe"} { // a refusal creates nothing
		if _, all := p.do("GET", "/api/channels?all=true&limit=1000", p.key, ""); strings.Contains(all, `"`+channel+`"`) {
			t.Errorf("%s is there", channel)
		}
	}
	p.expect(200, "GET", "/api/messages?channel_id=room:8", alice, "") // reading creates nothing
	bob := p.hour("bob", "*")
	for _, step := range []struct {
		token, channel string
		want           int
	}{{bob, "room:b", 201}, {bob, "dm:bob:zoe", 201}, {bob, "dm:bob:zoe", 201}, {bob, "room:c", 429}, {p.key, "room:k1", 201}, {p.key,
		"room:k2", 201}, {p.key, "room:k3", 201}} {
		if res, body := say(step.token, step.channel); res.StatusCode != step.want {
			t.Errorf("%s: %s %s, want %d", step.channel, res.Status, body, step.want)
		}
	}
	p.expect(204, "PUT", "/api/channels/room:1/members/carol", p.hour("carol", "room:*"), "") // an existing one
	if n := p.refusals("channels_user"); n != 8 {
		t.Errorf("%d refusals were counted", n)
	}
}

// A body that cannot be parsed costs as much as a message, and is counted like one.
func TestBrokenRequestsCountToo(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-user", "1", "--rate-ip", "0") // a burst of three
	alice := p.hour("alice", "*")
	for range 3 {
		p.expect(400, "POST", "/api/messages", alice, `{"channel_id":`)
	}
	res, body := p.do("POST", "/api/messages", alice, `{"channel_id":`)
	p.limited("broken JSON", res, body)
	bob := p.hour("bob", "*")
	p.expect(400, "POST", "/api/messages/batch", bob, "["+strings.Repeat(" ", 300<<10)) // as much as three
	res, body = p.do("POST", "/api/messages", bob, `{"channel_id":"room:a","text":"x"}`)
	p.limited("after a large one", res, body)
	ws := p.dial("/ws", p.hour("carol", "room:*"), "")
	seen := map[string]bool{}
	for !seen["error rate_limited"] {
		got, _ := told(t, ws, `{"type":"message","channel":"elsewhere","text":"x"}`)
		seen[got] = true
	}
	if !seen["error forbidden"] {
		t.Errorf("%v", seen)
	}
	if got, _ := told(t, ws, `{"type":"ping"}`); got != "pong" {
		t.Errorf("the connection: %s", got)
	}
}
