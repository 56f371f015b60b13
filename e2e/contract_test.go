package e2e_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// What clients read byte by byte: headers, the first block, close codes and their reasons.

// header demands exact values of an answer's header.
func header(t *testing.T, res *http.Response, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got := res.Header.Values(name); len(got) != 1 || !regexp.MustCompile("^(?:"+value+")$").MatchString(got[0]) {
			t.Errorf("%s: %s is %q, want %s", res.Status, name, got, value)
		}
	}
}

// stream requests an event stream and returns its blocks.
func stream(t *testing.T, server *testenv.Proc, request string) (head *http.Response, block func() string) {
	t.Helper()
	s := dial(t, server, request+"\r\nAccept: text/event-stream\r\n\r\n")
	head = s.answer()
	if head.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", request, head.Status)
	}
	in := bufio.NewReader(head.Body)
	return head, func() string {
		t.Helper()
		for b := ""; ; {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatalf("%q, then %v", b, err)
			}
			if line != "\n" {
				b += line
			} else if b != "" && b[0] != ':' {
				return b
			} else {
				b = ""
			}
		}
	}
}

func matches(t *testing.T, what, got, want string) {
	t.Helper()
	if !regexp.MustCompile(`^(?s:` + want + `)$`).MatchString(got) {
		t.Errorf("%s is %q, want %s", what, got, want)
	}
}

func TestAnEventStreamByteByByte(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	for _, text := range []string{"one", "two\ndata: 3"} {
		post(t, server.URL, "general", text)
	}
	head, block := stream(t, server, "GET /api/stream/general?after=1 HTTP/1.1\r\nHost: HOST")
	header(t, head, map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache, no-transform",
		"X-Accel-Buffering": "no", "Connection": "keep-alive", "X-Content-Type-Options": "nosniff"})
	matches(
		t,
		"the first block",
		block(),
		`retry: 2000\nid: 1\nevent: welcome\ndata: \{"type":"welcome","channel":"general","first_id":1,"last_id":2,"cursor":1,"epoch":"\w+",`+
			`"resumed":true\}\n`,
	)
	matches(
		t,
		"a message",
		block(),
		`id: 2\nevent: message\ndata: \{"type":"message","id":2,"channel":"general","user":"alice","text":"two\\ndata: 3",`+
			`"timestamp":\d+\.\d{6}\}\n`,
	)
	for query, reason := range map[string]string{"after=9": "ahead", "after=1&epoch=another": "epoch"} {
		_, block = stream(t, server, "GET /api/stream/general?"+query+" HTTP/1.1\r\nHost: HOST")
		matches(t, "welcome", block(), `retry: 2000\nid: 2\nevent: welcome\n.*"cursor":2,.*"resumed":false\}\n`)
		matches(t, "reset", block(),
			`id: 2\nevent: reset\ndata: \{"type":"reset","channel":"general","reason":"`+reason+`","first_id":1,"last_id":2\}\n`)
	}
	post(t, server.URL, "other", "x")
	_, block = stream(t, server, "GET /api/stream?channel_id=general&channel_id=other&after=general:1 HTTP/1.1\r\nHost: HOST")
	matches(t, "welcome of the first", block(), `retry: 2000\nid: general:1,other:1\nevent: welcome\n.*`)
	matches(t, "welcome of the second", block(), `id: general:1,other:1\nevent: welcome\n.*"channel":"other".*`)
	matches(t, "a message of the first", block(), `id: general:2,other:1\nevent: message\n.*`)
}

// Last-Event-ID, else last_event_id, else after, else from now on.
func TestWhereAnEventStreamBegins(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	for _, text := range []string{"1", "2", "3", "4"} {
		post(t, server.URL, "general", text)
	}
	for request, cursor := range map[string]string{
		"?after=1&last_event_id=2 HTTP/1.1\r\nLast-Event-ID: 3":        "3",
		"?after=1&last_event_id=2 HTTP/1.1":                            "2",
		"?after=1 HTTP/1.1":                                            "1",
		" HTTP/1.1":                                                    "4",
		"?after=1&last_event_id= HTTP/1.1\r\nLast-Event-ID: undefined": "1",
		"?after=null&last_event_id=undefined HTTP/1.1":                 "4",
		"?after=-5 HTTP/1.1":                                           "0",
	} {
		_, block := stream(t, server, "GET /api/stream/general"+request+"\r\nHost: HOST")
		matches(t, request, block(), `retry: 2000\nid: `+cursor+`\n.*"cursor":`+cursor+`,.*`)
	}
}

func TestPollsByteByByte(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	post(t, server.URL, "general", "one")
	ask := func(path, tag string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("If-None-Match", tag)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	short := map[string]string{
		"Cache-Control":          "private, no-cache",
		"ETag":                   `"[^"]+"`,
		"Parley-Last-Id":         "1",
		"Parley-Epoch":           `\w+`,
		"X-Content-Type-Options": "nosniff",
	}
	res, body := ask("/api/messages?channel_id=general", "")
	header(t, res, short)
	header(t, res, map[string]string{"Content-Type": "application/json"})
	matches(t, "a short poll", body, `\[\{"type":"message","id":1,.*\}\]\n`)
	if res, body = ask("/api/messages?channel_id=general", res.Header.Get("ETag")); res.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("the same again: %s %q", res.Status, body)
	}
	header(t, res, short)
	post(t, server.URL, "general", "two")
	if res, _ = ask("/api/messages?channel_id=general", res.Header.Get("ETag")); res.StatusCode != http.StatusOK {
		t.Errorf("after another message: %s", res.Status)
	}
	message := `\{"type":"message","id":2,[^}]*\}`
	for query, want := range map[string]string{
		"channel_id=general&after=1":           `\{"messages":\[` + message + `\],"last_id":2,"epoch":"\w+"\}\n`,
		"channel_id=general&after=2&timeout=0": `\{"messages":\[\],"last_id":2,"epoch":"\w+"\}\n`,
		"channel_id=general&after=9": `\{"messages":\[\],"last_id":2,"epoch":"\w+","reset":\{"type":"reset",` +
			`"channel":"general","reason":"ahead","first_id":1,"last_id":2\}\}\n`,
		"channel_id=general&channel_id=other&after=general:1,other:0": `\{"messages":\[` + message + `\],"cursor":"general:2,other:0",` +
			`"epoch":"\w+"\}\n`,
		"channel_id=general&after=2&timeout=0.1": `\{"messages":\[\],"last_id":2,"epoch":"\w+"\}\n`, // parked
	} {
		res, body := ask("/api/messages/poll?"+query, "")
		header(t, res,
			map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json", "X-Content-Type-Options": "nosniff"})
		matches(t, query, body, want)
	}
}

// upgradeTo is a WebSocket handshake at a path.
func upgradeTo(path string) string {
	return strings.Replace(upgrade, "/ws/chat/general?user=alice", path, 1)
}

// ends reads up to the close frame and returns its code and reason.
func (s *socket) ends() (code int, reason string) {
	s.t.Helper()
	payload := s.until(opClose)
	return closeCode(payload), payload[min(2, len(payload)):]
}

func TestSilentSocketIsPingedThenClosed(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t, "--heartbeat-interval", "100ms", "--heartbeat-timeout", "1s")
	plain, named := open(t, server), dial(t, server, upgradeTo("/ws/chat/general?heartbeat=message"))
	named.accepted()
	plain.until(opText) // the welcome
	named.until(opText)
	if got := plain.until(opPing); got != "" {
		t.Errorf("the ping holds %q", got)
	}
	begin := time.Now()
	for time.Since(begin) < 2*time.Second { // any frame counts as activity
		if got := named.until(opText); got != `{"type":"ping"}` {
			t.Fatalf("%s came where a ping was due", got)
		}
		named.send(text(`{"type":"pong"}`))
	}
	for name, s := range map[string]*socket{"one that is silent": plain, "one that became silent": named} {
		if code, reason := s.ends(); code != 1001 || reason != "Heartbeat timeout" {
			t.Errorf("%s is closed with %d %q", name, code, reason)
		}
	}
}

func TestDrainIsAnnouncedToAllClients(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	ws := open(t, server)
	ws.until(opText)
	_, block := stream(t, server, "GET /api/stream/general HTTP/1.1\r\nHost: HOST")
	block()
	poll := dial(t, server, "GET /api/messages/poll?channel_id=general&user=polly HTTP/1.1\r\nHost: HOST\r\n\r\n")
	becomes(t, "the poll is held", true, func() bool { return strings.Contains(presentIn(t, server.URL, "general"), "polly:long-poll") })
	exit := make(chan int, 1)
	go func() { exit <- server.Stop() }()
	var told string
	for !strings.Contains(told, "draining") { // the join of polly is announced too
		told = ws.until(opText)
	}
	matches(t, "the socket's frame", told, `\{"type":"draining","retry_after_ms":\d+\}`)
	if code, reason := ws.ends(); code != 1012 || reason != "Server draining" {
		t.Errorf("it is closed with %d %q", code, reason)
	}
	for told = block(); !strings.Contains(told, "draining"); told = block() {
	}
	matches(t, "the stream's block", told, `retry: \d+\nevent: draining\ndata: \{"type":"draining","code":"draining",.*\}\n`)
	res := poll.answer()
	header(t, res,
		map[string]string{"Retry-After": `\d+`, "Content-Type": `application/problem\+json`, "X-Content-Type-Options": "nosniff"})
	if res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the poll: %s", res.Status)
	}
	if code := <-exit; code != 0 {
		t.Errorf("exit %d", code)
	}
}

// Leaving is announced as a line of text and as an event, and a kick as a close code.
func TestLeavingIsAnnounced(t *testing.T) {
	t.Parallel()
	p := serve(t, "--leave-grace", "50ms")
	p.expect(200, "PUT", "/api/channels/club", p.key, `{"kind":"members"}`)
	for _, user := range []string{"alice", "bob"} {
		p.expect(204, "PUT", "/api/channels/club/members/"+user, p.key, "")
	}
	alice := dial(t, p.Proc, upgradeTo("/ws/chat/club?token="+p.hour("alice")))
	alice.accepted()
	alice.until(opText)
	bob := dial(t, p.Proc, upgradeTo("/ws/chat/club?token="+p.hour("bob")))
	bob.accepted()
	p.expect(204, "DELETE", "/api/channels/club/members/bob", p.key, "")
	if code, _ := bob.ends(); code != 4403 {
		t.Errorf("who was kicked is closed with %d", code)
	}
	var told []string
	for range 3 {
		f := alice.until(opText)
		if !json.Valid([]byte(f)) {
			t.Fatalf("%q is not JSON", f)
		}
		told = append(told, f)
	}
	if want := []string{`{"type":"user-joined","user":"bob","name":"bob",` +
		`"channel":"club"}`, `{"type":"system","text":"bob disconnected","user":"bob","channel":"club"}`,
		`{"type":"user-left","user":"bob","name":"bob","channel":"club"}`}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
