package e2e_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/parley-server/parley/testenv"
)

// RFC 6455, section 4.2.
func TestBrokenHandshakesAreAnsweredWithAStatus(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	without := func(header string) string {
		lines := strings.SplitAfter(upgrade, "\r\n")
		return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, header+":") }), "")
	}
	with := func(old, new string) string { return strings.Replace(upgrade, old, new, 1) }
	for name, c := range map[string]struct {
		request string
		status  []int
	}{
		"no key":                  {without("Sec-WebSocket-Key"), []int{400}},
		"a key that is too short": {with("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="), []int{400}},
		"no version":              {without("Sec-WebSocket-Version"), []int{400, 426}},
		"version 12":              {with("Version: 13", "Version: 12"), []int{426}},
		"no Upgrade":              {without("Upgrade"), []int{400, 426}},
		"another Upgrade":         {with("Upgrade: websocket", "Upgrade: h2c"), []int{400, 426}},
		"no Connection":           {without("Connection"), []int{400, 426}},
		"POST":                    {with("GET ", "POST "), []int{405}},
		"HTTP/1.0":                {with("HTTP/1.1", "HTTP/1.0"), []int{400, 426, 505}},
		"a bad channel":           {with("chat/general", "chat/gen%20eral"), []int{400}},
		"a bad cursor":            {with("user=alice", "after=soon"), []int{400}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			res := dial(t, server, c.request).answer()
			if !slices.Contains(c.status, res.StatusCode) {
				t.Fatalf("answered with %s, not %v", res.Status, c.status)
			}
			if v := res.Header.Get("Sec-WebSocket-Version"); res.StatusCode == http.StatusUpgradeRequired && v != "13" {
				t.Errorf("426 names the version %q", v)
			}
			body, err := io.ReadAll(res.Body)
			var problem struct{ Code, Detail, Hint string }
			if err != nil || json.Unmarshal(body, &problem) != nil || problem.Code == "" || problem.Hint == "" {
				t.Errorf("the body is %s, %v", body, err)
			}
		})
	}
}

func TestHandshakesMayBeWrittenInManyWays(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	for name, request := range map[string]string{
		"upper case":          strings.Replace(upgrade, "Upgrade: websocket", "UPGRADE: WebSocket", 1),
		"Connection with two": strings.Replace(upgrade, "Connection: Upgrade", "Connection: keep-alive, Upgrade", 1),
		"lower-case header names": strings.NewReplacer("Sec-WebSocket-Version", "sec-websocket-version", "Sec-WebSocket-Key",
			"sec-websocket-key").Replace(upgrade),
		"a loopback Origin": strings.Replace(upgrade, "\r\n\r\n", "\r\nOrigin: http://localhost:3000\r\n\r\n", 1),
		"extensions": strings.Replace(upgrade, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; "+
			"client_max_window_bits\r\n\r\n", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := dial(t, server, request)
			s.accepted()
			s.send(ping("there"))
			if got := s.until(opPong); got != "there" {
				t.Errorf("the pong is %q", got)
			}
		})
	}
}

func TestFramesSentWithTheHandshakeAreRead(t *testing.T) {
	t.Parallel()
	s := dial(t, testenv.Server(t), upgrade+string(text(hello).bytes())+string(ping("early").bytes()))
	s.accepted()
	if got := s.untilMessage(); got != "hello" {
		t.Errorf("the message is %q", got)
	}
}

func TestAForeignOriginIsRefused(t *testing.T) {
	t.Parallel()
	res := dial(t, testenv.Server(t), strings.Replace(upgrade, "\r\n\r\n", "\r\nOrigin: https://example.com\r\n\r\n", 1)).answer()
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("answered with %s", res.Status)
	}
}
