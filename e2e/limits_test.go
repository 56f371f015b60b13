package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
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

// from is do with an address in X-Forwarded-For.
func (p *production) from(ip, method, path, token, body string) (*http.Response, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testenv.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Forwarded-For", ip)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(b)
}

// refusals returns the number of refusals for a reason in the metrics.
func (p *production) refusals(reason string) (n int) {
	p.t.Helper()
	res, err := http.Get(p.AdminURL + "/metrics")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if count, ok := strings.CutPrefix(lines.Text(), fmt.Sprintf("parley_refusals_total{reason=%q} ", reason)); ok {
			_, _ = fmt.Sscan(count, &n)
		}
	}
	return n
}

func TestWhoSendsTooMuchIsToldToWait(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-user", "0.02") // a burst of one, the next after 50 s
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	const body = `{"channel_id":"room:a","text":"x"}`
	alice := p.hour("alice", "*")
	p.expect(201, "POST", "/api/messages", alice, body)
	res, problem := p.do("POST", "/api/messages", alice, body)
	var e struct{ Code, Hint string }
	if err := json.Unmarshal([]byte(problem), &e); err != nil || res.StatusCode != 429 || e.Code != "rate_limited" || e.Hint == "" {
		t.Errorf("the second message: %s %s", res.Status, problem)
	}
	var after int
	if _, err := fmt.Sscan(res.Header.Get("Retry-After"), &after); err != nil || after < 30 || after > 50 {
		t.Errorf("Retry-After is %q", res.Header.Get("Retry-After"))
	}
	for _, op := range [][3]string{{"POST", "/api/channels/room:a/events", `{"event":"e",` +
		`"data":{}}`}, {"PATCH", "/api/messages/room:a/1", `{"text":"y"}`},
		{"PUT", "/api/messages/room:a/1/reactions/x", ""}, {"DELETE", "/api/messages/room:a/1", ""}, {"POST", "/api/messages",
			`{"channel_id":"room:b","text":"x"}`}} {
		p.expect(429, op[0], op[1], alice, op[2])
	}
	p.expect(200, "GET", "/api/messages?channel_id=room:a", alice, "") // reading still works
	p.expect(201, "POST", "/api/messages", p.hour("bob", "*"), body)   // and other users are not affected
	for range 20 {
		p.expect(201, "POST", "/api/messages", p.key, body) // back ends may send any number
	}

	// The part of a batch that fits is stored, and so are a WebSocket's frames; the WebSocket stays open.
	_, items := p.do("POST", "/api/messages/batch", p.hour("carol", "*"), "["+body+","+body+"]")
	if strings.Count(items, `"rate_limited"`) != 1 || strings.Count(items, `"id":`) != 1 {
		t.Errorf("the batch: %s", items)
	}
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+p.hour("dora", "*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, frame := range []string{`{"channel":"room:a","text":"1",` +
		`"key":"1"}`, `{"channel":"room:a","text":"2","key":"2"}`, `{"type":"ping","key":"3"}`} {
		if err := ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	answers := map[string]string{}
	for len(answers) < 3 {
		_, b, err := ws.Read(ctx)
		if err != nil {
			t.Fatalf("after %v: %v", answers, err)
		}
		var f struct {
			Type, Code, Key string
			Retry           int `json:"retry_after_ms"`
		}
		if err := json.Unmarshal(b, &f); err != nil {
			t.Fatal(err)
		}
		if answers[f.Key] = f.Type + f.Code; f.Code != "" && (f.Retry < 30_000 || f.Retry > 50_000) {
			t.Errorf("%s", b)
		}
	}
	if fmt.Sprint(answers) != fmt.Sprint(map[string]string{"1": "ack", "2": "errorrate_limited", "3": "pong"}) {
		t.Errorf("%v", answers)
	}
	if n := p.refusals("rate_user"); n != 7 { // a batch's refusal is in its answer, the request itself was not refused
		t.Errorf("%d refusals were counted", n)
	}
}

func TestAnAddressThatSendsTooMuch(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-user", "0", "--rate-ip", "0.02", "--rate-channel", "0", "--trusted-proxies", "127.0.0.1")
	send := func(ip, user string) int {
		t.Helper()
		res, _ := p.from(ip, "POST", "/api/messages", p.hour(user, "*"), `{"channel_id":"room:a","text":"x"}`)
		return res.StatusCode
	}
	for i, step := range []struct {
		ip, user string
		want     int
	}{{"203.0.113.1", "alice", 201}, {"203.0.113.1", "bob", 429}, {"1.2.3.4, 203.0.113.1", "bob", 429}, {"203.0.113.2", "alice", 201},
		{"2001:db8::1", "alice", 201}, {"2001:db8::2", "alice", 429}, {"2001:db8:0:1::", "alice", 201}} {
		if got := send(step.ip, step.user); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}
	untrusting := serve(t, "--rate-ip", "0.02")
	p = untrusting
	if send("203.0.113.1", "alice") != 201 || send("203.0.113.2", "bob") != 429 {
		t.Error("anybody may say where they are")
	}
}

func TestAChannelThatTooMuchIsSentTo(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-channel", "0.02")
	p.expect(201, "POST", "/api/messages", p.hour("alice", "*"), `{"channel_id":"room:a","text":"x"}`)
	p.expect(429, "POST", "/api/messages", p.hour("bob", "*"), `{"channel_id":"room:a","text":"x"}`)
	p.expect(201, "POST", "/api/messages", p.hour("bob", "*"), `{"channel_id":"room:b","text":"x"}`)
	p.expect(403, "POST", "/api/messages", p.hour("bob", "room:a"), `{"channel_id":"room:c","text":"x"}`)
	p.expect(201, "POST", "/api/messages", p.hour("carol", "*"), `{"channel_id":"room:c","text":"x"}`) // a forbidden message uses nothing up
}

func TestHandshakesAreLimited(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-handshakes", "0.02", "--trusted-proxies", "127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	alice := p.hour("alice", "*")
	dial := func(ip, origin string) (*websocket.Conn, int) {
		t.Helper()
		h := http.Header{"X-Forwarded-For": {ip}, "Authorization": {"Bearer " + alice}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		ws, res, err := websocket.Dial(ctx, p.URL+"/ws/chat/general", &websocket.DialOptions{HTTPHeader: h})
		if res == nil {
			t.Fatal(err)
		}
		if ws != nil {
			t.Cleanup(func() { ws.CloseNow() })
		}
		return ws, res.StatusCode
	}
	if _, status := dial("203.0.113.1", ""); status != 101 {
		t.Fatalf("the first: %d", status)
	}
	if _, status := dial("203.0.113.1", ""); status != 429 {
		t.Errorf("the second: %d", status)
	}
	ws, status := dial("203.0.113.1", page) // a page can't see 429
	if ws == nil {
		t.Fatalf("a page's: %d", status)
	}
	if _, b, err := ws.Read(ctx); err != nil || !strings.Contains(string(b), `"code":"rate_limited"`) ||
		!strings.Contains(string(b), `"retry_after_ms":`) {
		t.Errorf("%s %v", b, err)
	}
	if _, _, err := ws.Read(ctx); websocket.CloseStatus(err) != 4429 {
		t.Errorf("a page's: %v, want the close 4429", err)
	}
	// EventSource would give up after an error status; it receives the refusal in a block.
	res, body := p.from("203.0.113.1", "GET", "/api/stream/general", alice, "")
	if res.StatusCode != 200 || !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "\nevent: draining\n") ||
		!strings.Contains(body, `"code":"rate_limited"`) ||
		strings.Contains(body, "id:") {
		t.Errorf("%s %q", res.Status, body)
	}
	if _, status := dial("203.0.113.2", ""); status != 101 {
		t.Errorf("another address: %d", status)
	}
	// Credentials can't be guessed at any rate either.
	for i, want := range []int{401, 429} {
		if res, _ := p.from("203.0.113.3", "GET", "/api/messages?channel_id=general", "guess", ""); res.StatusCode != want {
			t.Errorf("guess %d: %s", i, res.Status)
		}
	}
	if n := p.refusals("rate_handshakes"); n != 4 {
		t.Errorf("%d refusals were counted", n)
	}
}

func TestOpenConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	p := serve(t, "--max-connections-per-user", "2", "--max-connections-per-ip", "3", "--trusted-proxies", "127.0.0.1")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	open := func(ip, user, path string) (code string, end func()) {
		t.Helper()
		ctx, end := context.WithCancel(ctx)
		r, err := http.NewRequestWithContext(ctx, "GET", p.URL+path+"?token="+p.hour(user, "*"), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", ip)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			var f struct{ Type, Code string }
			if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && json.Unmarshal([]byte(data), &f) == nil {
				return f.Type + " " + f.Code, end
			}
		}
		t.Fatalf("%s %s says nothing", path, res.Status)
		return "", end
	}
	const stream = "/api/stream/general"
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	first, endFirst := open("203.0.113.1", "alice", stream)
	is("the first", first, "welcome ")
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+p.hour("alice", "*"),
		&websocket.DialOptions{HTTPHeader: http.Header{"X-Forwarded-For": {"203.0.113.1"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	third, _ := open("203.0.113.1", "alice", stream)
	is("a third of alice", third, "draining rate_limited")
	elsewhere, _ := open("203.0.113.9", "alice", stream)
	is("a third from elsewhere", elsewhere, "draining rate_limited")
	bob, _ := open("203.0.113.1", "bob", stream)
	is("bob's", bob, "welcome ")
	carol, _ := open("203.0.113.1", "carol", stream)
	is("a fourth from one address", carol, "draining rate_limited")
	if res, _ := p.from("203.0.113.1", "GET", "/api/messages/poll?channel_id=general&timeout=5", p.hour("carol", "*"),
		""); res.StatusCode != 429 {
		t.Errorf("a held poll beside them: %s", res.Status)
	}
	endFirst()
	becomes(t, "there is room again", "welcome ", func() string {
		got, end := open("203.0.113.1", "alice", stream)
		if got != "welcome " {
			end()
		}
		return got
	})
	if p.refusals("connections_user") < 2 || p.refusals("connections_ip") < 2 {
		t.Error("refusals were not counted")
	}
	for range 10 { // a closed connection no longer counts, however it ended
		res, _ := p.from("203.0.113.7", "GET", "/api/messages/poll?channel_id=general&timeout=0.01", p.hour("dora", "*"), "")
		if res.StatusCode != 200 {
			t.Fatalf("a poll: %s", res.Status)
		}
	}
}

// Before users are known, connections are also counted per address.
func TestSilentConnectionsOfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	p := serve(t, "--max-connections-per-ip", "5")
	address := strings.TrimPrefix(p.URL, "http://")
	var held []net.Conn
	for range 6 { // they wait in several queues: which of them exceeds the limit is not known
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	becomes(t, "one of six is refused", true, func() bool { return p.refusals("connections_ip") > 0 })
	get := func() int {
		t.Helper()
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: testenv.Patience}
		res, err := client.Get(p.URL + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode == 429 && res.Header.Get("Retry-After") == "" {
			t.Error("429 has no Retry-After")
		}
		return res.StatusCode
	}
	becomes(t, "another one is refused", 429, get)
	for _, c := range held[:4] {
		c.Close()
	}
	becomes(t, "there is room again", 200, get)
}

func TestAProxySaysWhereAClientIs(t *testing.T) {
	t.Parallel()
	p := serve(t, "--rate-ip", "0.02", "--trusted-proxies", "127.0.0.0/8", "--proxy-protocol")
	address := strings.TrimPrefix(p.URL, "http://")
	v1 := func(ip string) []byte { return fmt.Appendf(nil, "PROXY TCP4 %s 192.0.2.1 5000 80\r\n", ip) }
	v2 := func(ip string) []byte {
		b := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x11, 0, 12)
		b = append(append(b, net.ParseIP(ip).To4()...), 192, 0, 2, 1)
		return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, 5000), 80)
	}
	unix := append([]byte("\r\n\r\n\x00\r\nQUIT\n"), 0x21, 0x31, 0, 216) // from a socket of the proxy's own machine
	unix = append(unix, make([]byte, 216)...)
	send := func(header []byte, user string) (status int) {
		t.Helper()
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(testenv.Patience))
		const body = `{"channel_id":"room:a","text":"x"}`
		request := fmt.Sprintf(
			"POST /api/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
			p.hour(user, "*"), len(body), body)
		if _, err := c.Write(append(bytes.Clone(header), request...)); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return 0
		}
		res.Body.Close()
		return res.StatusCode
	}
	for i, step := range []struct {
		header []byte
		user   string
		want   int
	}{{v1("203.0.113.1"), "alice", 201}, {v2("203.0.113.1"), "bob", 429}, {v2("203.0.113.2"), "bob", 201}, {v1("203.0.113.2"), "carol", 429},
		{nil, "dora", 0}, {[]byte("PROXY nonsense\r\n"), "dora", 0}, {unix, "eve", 201}, {unix, "frank", 429}} {
		if got := send(step.header, step.user); got != step.want {
			t.Errorf("step %d: %d, want %d", i, got, step.want)
		}
	}

	// Streams and polls work behind it, one after another on one connection.
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testenv.Patience))
	in := bufio.NewReader(c)
	if _, err := c.Write(v2("203.0.113.9")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		fmt.Fprintf(c, "GET /api/messages/poll?channel_id=room:a&timeout=0.1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n",
			p.hour("alice", "*"))
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 200 {
			t.Fatalf("%s %v", res.Status, err)
		}
	}
	fmt.Fprintf(
		c,
		"GET /ws/chat/room:a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: "+
			"13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n",
		p.hour("alice", "*"),
	)
	s := &socket{t: t, conn: c, in: in}
	s.accepted()
	s.send(ping("there"))
	if got := s.until(opPong); got != "there" {
		t.Errorf("the pong is %q", got)
	}
}

func TestDevelopmentHasNoRates(t *testing.T) {
	t.Parallel()
	server := testenv.Server(t)
	for i := range 400 {
		post(t, server.URL, "general", fmt.Sprint(i))
	}
}
