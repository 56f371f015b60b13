package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/parley-server/parley/testenv"
)

func TestFloodsOfHeadersAreCutOff(t *testing.T) {
	t.Parallel()
	p := serve(t)
	_, address, _ := strings.Cut(p.URL, "://")
	for name, flood := range map[string]string{
		"one large header": "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + strings.Repeat("a", 1<<20),
		"many headers":     "GET /healthz HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: b\r\n", 200_000),
		"a long address":   "GET /" + strings.Repeat("a", 1<<20),
	} {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(testenv.Patience))
		go func() { _, _ = io.WriteString(c, flood) }()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			t.Errorf("%s: %v %v, want 431", name, res, err)
		}
		c.Close()
	}
	p.expectAlive()
}

func TestOneWebSocketFollowsOnlySoManyChannels(t *testing.T) {
	t.Parallel()
	p := serve(t, "--max-subscriptions", "3")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+p.hour("alice", "*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for i, step := range [][3]string{{"subscribe", "a", "welcome"}, {"subscribe", "b", "welcome"}, {"subscribe", "c", "welcome"},
		{"subscribe", "d", "errortoo_large"},
		{"subscribe", "a", "welcome"}, {"unsubscribe", "a", "ack"}, {"subscribe", "d", "welcome"}} {
		if got := keyedFrame(ctx, t, ws, step[0], step[1]); got != step[2] {
			t.Errorf("step %d, %v: %s", i, step, got)
		}
	}
}

// keyedFrame sends a frame about a channel, and returns the type and the code of its answer.
func keyedFrame(ctx context.Context, t *testing.T, ws *websocket.Conn, kind, channel string) string {
	t.Helper()
	if err := ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"type":%q,"channel":%q,"key":"k"}`, kind, channel)); err != nil {
		t.Fatal(err)
	}
	for {
		_, b, err := ws.Read(ctx)
		var f struct{ Type, Code, Key string }
		if err != nil || json.Unmarshal(b, &f) != nil {
			t.Fatal(err)
		}
		if f.Key == "k" {
			return f.Type + f.Code
		}
	}
}

// The number of channels that one user follows is bounded over all streams and polls. A place
// becomes free again when a channel is left or lost, or its connection ends.
func TestOneUserFollowsOnlySoManyChannels(t *testing.T) {
	t.Parallel()
	p := serve(t, "--max-subscriptions-per-user", "3")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	alice := p.hour("alice", "*")
	dial := func(token string) *websocket.Conn {
		t.Helper()
		ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+token, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { ws.CloseNow() })
		return ws
	}
	first, second := dial(alice), dial(alice)
	expect := func(ws *websocket.Conn, kind, channel, want string) {
		t.Helper()
		if got := keyedFrame(ctx, t, ws, kind, channel); got != want {
			t.Errorf("%s %s: %s, want %s", kind, channel, got, want)
		}
	}
	expect(first, "subscribe", "a", "welcome")
	expect(second, "subscribe", "a", "welcome")
	stream, stop := context.WithCancel(ctx)
	defer stop()
	r, err := http.NewRequestWithContext(stream, "GET", p.URL+"/api/stream/c?token="+alice, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	defer res.Body.Close()

	expect(first, "subscribe", "d", "errorrate_limited")
	expect(first, "subscribe", "a", "welcome") // it is already followed
	if _, problem := p.do("GET", "/api/messages/poll?channel_id=d&timeout=30", alice, ""); !strings.Contains(problem, `"rate_limited"`) {
		t.Errorf("a held poll: %s", problem)
	}
	if _, problem := p.do("GET", "/api/stream?channel_id=d&channel_id=e", alice, ""); !strings.Contains(problem, `"rate_limited"`) {
		t.Errorf("a stream: %s", problem)
	}
	if n := p.refusals("subscriptions_user"); n != 3 {
		t.Errorf("%d refusals were counted", n)
	}
	expect(dial(p.hour("bob", "*")), "subscribe", "d", "welcome")

	expect(first, "unsubscribe", "a", "ack")
	expect(first, "unsubscribe", "a", "ack") // nothing is released twice
	expect(first, "subscribe", "d", "welcome")
	expect(first, "subscribe", "e", "errorrate_limited")
	p.expect(204, "PUT", "/api/channels/d/bans/alice", p.key, "") // the stream loses the channel
	for keyedFrame(ctx, t, first, "subscribe", "e") != "welcome" {
	}
	expect(second, "subscribe", "f", "errorrate_limited")
	stop()
	for keyedFrame(ctx, t, second, "subscribe", "f") != "welcome" {
	}
	expect(first, "subscribe", "g", "errorrate_limited")
	first.CloseNow()
	for keyedFrame(ctx, t, second, "subscribe", "g") != "welcome" {
	}
	expect(second, "subscribe", "h", "errorrate_limited")
}
