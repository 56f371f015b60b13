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

	"parley/testenv"
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
	ask := func(kind, channel string) string {
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
	for i, step := range [][3]string{{"subscribe", "a", "welcome"}, {"subscribe", "b", "welcome"}, {"subscribe", "c", "welcome"}, {"subscribe", "d", "errortoo_large"},
		{"subscribe", "a", "welcome"}, {"unsubscribe", "a", "ack"}, {"subscribe", "d", "welcome"}} {
		if got := ask(step[0], step[1]); got != step[2] {
			t.Errorf("step %d, %v: %s", i, step, got)
		}
	}
}
