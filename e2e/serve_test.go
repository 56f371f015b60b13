package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley/auth"
	"github.com/parley-server/parley/testenv"
)

// production is a parley serve process with its credentials.
type production struct {
	*testenv.Proc
	t      testing.TB
	secret []byte
	key    string // an API key
}

const page = "https://chat.example.com"

func serve(t testing.TB, flags ...string) *production {
	t.Helper()
	p := &production{t: t, secret: []byte(strings.Repeat("of the test ", 4)), key: "key-of-the-test"}
	dir := t.TempDir()
	secret, keys := filepath.Join(dir, "secret"), filepath.Join(dir, "keys")
	for path, content := range map[string]string{secret: string(p.secret) + "\n", keys: p.key + "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Proc = testenv.Server(
		t,
		append([]string{"serve", "--auth-hmac-secret-file", secret, "--api-keys-file", keys, "--allowed-origins", page}, flags...)...)
	return p
}

// token is valid from issued until expires, in the listed channels (nil: those that the
// user is a member of).
func (p *production) token(user string, issued, expires time.Time, channels ...string) string {
	p.t.Helper()
	c := auth.Claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: user, IssuedAt: jwt.NewNumericDate(issued), ExpiresAt: jwt.NewNumericDate(expires)},
	}
	if channels != nil {
		c.Channels = &channels
	}
	token, err := auth.Sign(p.secret, c)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// hour is a token for an hour.
func (p *production) hour(user string, channels ...string) string {
	return p.token(user, time.Now(), time.Now().Add(time.Hour), channels...)
}

// do sends a request and returns its status, header and body.
func (p *production) do(method, path, token, body string) (*http.Response, string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), testenv.Patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.URL+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
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

func (p *production) expect(status int, method, path, token, body string) {
	p.t.Helper()
	if res, got := p.do(method, path, token, body); res.StatusCode != status {
		p.t.Errorf("%s %s: %s %s, want %d", method, path, res.Status, got, status)
	}
}

// held are connections of one user, one of each kind; each reports how it ended.
type held struct {
	names []string
	ended map[string]chan string
	ws    *websocket.Conn // the one at /ws
}

// hold opens them and returns when all are served; the poll is under way.
func (p *production) hold(token string) *held {
	p.t.Helper()
	h := &held{ended: map[string]chan string{}}
	ctx, cancel := context.WithTimeout(context.Background(), testenv.Patience)
	p.t.Cleanup(cancel)
	watch := func(name string, wait func() string) {
		ended := make(chan string, 1)
		h.names, h.ended[name] = append(h.names, name), ended
		go func() { ended <- wait() }()
	}
	for _, path := range []string{"/ws/chat/general", "/ws"} {
		ws, _, err := websocket.Dial(ctx, p.URL+path, &websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			p.t.Fatal(err)
		}
		p.t.Cleanup(func() { ws.CloseNow() })
		if h.ws = ws; path == "/ws" {
			if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"subscribe","channel":"general"}`)); err != nil {
				p.t.Fatal(err)
			}
		}
		frame := func() (kind string, err error) {
			var f struct{ Type, Code string }
			_, b, err := ws.Read(ctx)
			if err == nil {
				err = json.Unmarshal(b, &f)
			}
			return strings.TrimSpace(f.Type + " " + f.Code), err
		}
		if kind, err := frame(); kind != "welcome" {
			p.t.Fatalf("%s begins with %q %v", path, kind, err)
		}
		watch(path, func() string {
			var said []string
			for {
				kind, err := frame()
				if err != nil {
					return fmt.Sprint(strings.Join(said, ", "), " ", int(websocket.CloseStatus(err)))
				}
				if kind != "user-joined" && kind != "user-left" && kind != "system" { // of other users
					said = append(said, kind)
				}
			}
		})
	}
	for _, path := range []string{"/api/stream/general", "/api/stream?channel_id=general&channel_id=lobby"} {
		r, err := http.NewRequestWithContext(ctx, "GET", p.URL+path, nil)
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := http.DefaultClient.Do(r)
		if err != nil || res.StatusCode != 200 {
			p.t.Fatalf("%s: %v %v", path, res, err)
		}
		p.t.Cleanup(func() { res.Body.Close() })
		lines := bufio.NewScanner(res.Body)
		event := func() string {
			for lines.Scan() {
				if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
					return name
				}
			}
			return ""
		}
		if first := event(); first != "welcome" {
			p.t.Fatalf("%s begins with %q", path, first)
		}
		watch(path, func() string {
			var said []string
			for {
				name := event()
				if name == "" {
					return strings.Join(said, ", ")
				}
				if name != "welcome" && name != "user-joined" && name != "user-left" && name != "system" {
					said = append(said, name)
				}
			}
		})
	}
	watch("poll", func() string {
		r, err := http.NewRequestWithContext(ctx, "GET", p.URL+"/api/messages/poll?channel_id=general&timeout=60&token="+token, nil)
		if err != nil {
			return err.Error()
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		var e struct{ Code string }
		_ = json.NewDecoder(res.Body).Decode(&e)
		return fmt.Sprint(res.StatusCode, " ", e.Code)
	})
	becomes(p.t, "the poll is held", true, func() bool {
		res, body := p.do("GET", "/api/channels/general/presence", p.key, "")
		return res.StatusCode == 200 && strings.Contains(body, "long-poll")
	})
	return h
}

// end demands that all end within a time, in the expected way.
func (h *held) end(t *testing.T, within time.Duration, want map[string]string) {
	t.Helper()
	late := time.After(within)
	for _, name := range h.names {
		select {
		case got := <-h.ended[name]:
			if got = strings.TrimSpace(got); got != want[name] {
				t.Errorf("%s ended with %q, want %q", name, got, want[name])
			}
		case <-late:
			t.Fatalf("%s is still open after %v", name, within)
		}
	}
}

func TestStreamsAndPollsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	p := serve(t)
	p.expect(200, "PUT", "/api/channels/general", p.key, "{}")
	expires := time.Now().Add(5 * time.Second).Truncate(time.Second)
	short := p.token("alice", time.Now(), expires, "*")
	h := p.hold(short)
	if time.Now().After(expires) {
		t.Fatal("the machine is too slow for this test")
	}
	h.end(t, time.Until(expires)+3*time.Second, map[string]string{ // 1 s is promised; a busy machine needs more
		"/ws/chat/general": "token-expiring, error unauthorized 4401", "/ws": "token-expiring, error unauthorized 4401",
		"/api/stream/general": "token-expiring", "/api/stream?channel_id=general&channel_id=lobby": "token-expiring",
		"poll": "401 unauthorized",
	})
	if early := time.Until(expires); early > 0 {
		t.Errorf("they ended %v too early", early)
	}
	p.expect(401, "GET", "/api/messages?channel_id=general", short, "")
}

func TestANewTokenKeepsAConnectionOpen(t *testing.T) {
	t.Parallel()
	p := serve(t)
	expires := time.Now().Add(3 * time.Second).Truncate(time.Second)
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+p.token("alice", time.Now(), expires, "room:*"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	say := func(frame string) {
		t.Helper()
		if err := ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	answer := func(key string) (f struct{ Type, Code, Key string }) {
		t.Helper()
		for f.Key != key {
			_, b, err := ws.Read(ctx)
			if err == nil {
				err = json.Unmarshal(b, &f)
			}
			if err != nil {
				t.Fatalf("waiting for the answer to %s: %v", key, err)
			}
		}
		return f
	}
	say(`{"type":"auth","token":"` + p.hour("bob") + `","key":"other"}`)
	if f := answer("other"); f.Code != "not_you" {
		t.Errorf("another user's token: %+v", f)
	}
	say(`{"type":"auth","token":"` + p.hour("alice", "room:a") + `","key":"new"}`)
	if f := answer("new"); f.Type != "ack" {
		t.Errorf("a new token: %+v", f)
	}
	for i := 0; time.Now().Before(expires.Add(1500 * time.Millisecond)); i++ {
		say(fmt.Sprintf(`{"type":"ping","key":"ping-%d"}`, i))
		answer(fmt.Sprintf("ping-%d", i))
		time.Sleep(50 * time.Millisecond) // time itself must pass here
	}
	// The rights are those of the new token.
	for channel, code := range map[string]string{"room:a": "", "room:b": "forbidden"} {
		say(`{"channel":"` + channel + `","text":"x","key":"` + channel + `"}`)
		if f := answer(channel); f.Code != code {
			t.Errorf("%s: %+v", channel, f)
		}
	}
	// So is its end, even if it is before the next check of the connection.
	expires = time.Now().Add(2 * time.Second).Truncate(time.Second)
	say(`{"type":"auth","token":"` + p.token("alice", time.Now(), expires) + `"}`)
	for err == nil {
		_, _, err = ws.Read(ctx)
	}
	if late := time.Since(expires); websocket.CloseStatus(err) != 4401 || late < 0 || late > 5*time.Second {
		t.Errorf("%v %v after the new token's end, want the close 4401", err, late)
	}
}

func TestABadTokenOnAnOpenConnectionEndsIt(t *testing.T) {
	t.Parallel()
	p := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	for name, token := range map[string]string{"no token": "", "nonsense": "x.y.z", "an old " +
		"one": p.token("alice", time.Now().Add(-time.Hour), time.Now().Add(-time.Second))} {
		ws, _, err := websocket.Dial(ctx, p.URL+"/ws?token="+p.hour("alice"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := ws.Write(ctx, websocket.MessageText, []byte(`{"type":"auth","token":"`+token+`"}`)); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, _, err = ws.Read(ctx)
		}
		if websocket.CloseStatus(err) != 4401 {
			t.Errorf("%s: %v, want the close 4401", name, err)
		}
		ws.CloseNow()
	}
}

func TestARevokedUserIsCutOffAlsoAfterARestart(t *testing.T) {
	t.Parallel()
	p := serve(t)
	p.expect(200, "PUT", "/api/channels/general", p.key, "{}")
	before := p.hour("alice", "*")
	h, bystander := p.hold(before), p.hour("bob", "*")
	other := p.hold(bystander)
	res, body := p.do("POST", "/api/tickets", before, "")
	var ticket struct{ Ticket string }
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || res.StatusCode != 200 {
		t.Fatalf("%s %s", res.Status, body)
	}
	p.expect(403, "POST", "/api/users/alice/revoke", bystander, "")
	p.expect(204, "POST", "/api/users/alice/revoke", p.key, "")
	h.end(t, 3*time.Second, map[string]string{ // reliability.md promises 1 s; a busy machine needs more
		"/ws/chat/general": "error unauthorized 4401", "/ws": "error unauthorized 4401", "poll": "401 unauthorized",
		"/api/stream/general": "", "/api/stream?channel_id=general&channel_id=lobby": "",
	})
	void := func() {
		t.Helper()
		p.expect(401, "GET", "/api/messages?channel_id=general", before, "")
		p.expect(401, "GET", "/api/stream/general", before, "")
		p.expect(401, "GET", "/ws/chat/general", before, "")
		p.expect(200, "GET", "/api/messages?channel_id=general",
			p.token("alice", time.Now().Add(2*time.Second), time.Now().Add(time.Hour), "*"), "")
		p.expect(200, "GET", "/api/messages?channel_id=general", bystander, "")
	}
	void()
	if res, err := http.Get(p.URL + "/api/messages?channel_id=general&ticket=" + ticket.Ticket); err != nil || res.StatusCode != 401 {
		t.Errorf("a ticket from before: %v %v", res, err)
	} else {
		res.Body.Close()
	}
	for _, name := range other.names {
		select {
		case how := <-other.ended[name]:
			t.Errorf("the bystander's %s ended with %q", name, how)
		default:
		}
	}
	p.Kill()
	p.Restart()
	void()
}

// A page can't see the status of a refused handshake; it sees a frame and a close code.
// Other clients see the status, and foreign pages nothing else.
func TestHowAHandshakeIsRefused(t *testing.T) {
	t.Parallel()
	p := serve(t, "--max-connections", "1000")
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	for path, want := range map[string]struct {
		status int
		code   string
	}{
		"/ws/chat/a%20b?token=" + p.hour("alice"):           {400, "bad_channel"},
		"/ws/chat/general?after=x&token=" + p.hour("alice"): {400, "bad_cursor"},
		"/ws/chat/general":                                   {401, "unauthorized"},
		"/ws/chat/general?ticket=x":                          {401, "unauthorized"},
		"/ws/chat/general?token=x":                           {401, "unauthorized"},
		"/ws/chat/general?token=" + p.hour("alice", "other"): {403, "forbidden"},
		"/ws/nowhere?token=" + p.hour("alice"):               {404, "not_found"},
	} {
		dial := func(origin string) (*websocket.Conn, int) {
			t.Helper()
			opts := &websocket.DialOptions{HTTPHeader: http.Header{}}
			if origin != "" {
				opts.HTTPHeader.Set("Origin", origin)
			}
			ws, res, err := websocket.Dial(ctx, p.URL+path, opts)
			if res == nil {
				t.Fatal(err)
			}
			return ws, res.StatusCode
		}
		if _, status := dial(""); status != want.status {
			t.Errorf("%s without an Origin: %d, want %d", path, status, want.status)
		}
		for _, origin := range []string{"https://evil.example", "null", "http://chat.example.com", page + ":8443", page + ".evil.example"} {
			if _, status := dial(origin); status != http.StatusForbidden {
				t.Errorf("%s from %s: %d, want 403", path, origin, status)
			}
		}
		ws, status := dial(page)
		if ws == nil {
			t.Errorf("%s from %s: %d, want a frame", path, page, status)
			continue
		}
		var f struct{ Type, Code, Hint string }
		_, b, err := ws.Read(ctx)
		if err != nil || json.Unmarshal(b, &f) != nil || f.Type != "error" || f.Code != want.code || f.Hint == "" {
			t.Errorf("%s: the frame is %s %v, want %s", path, b, err, want.code)
		}
		if _, _, err := ws.Read(ctx); int(websocket.CloseStatus(err)) != 4000+want.status {
			t.Errorf("%s: %v, want the close %d", path, err, 4000+want.status)
		}
		ws.CloseNow()
	}
}

func TestATicketOpensOneConnection(t *testing.T) {
	t.Parallel()
	p := serve(t)
	_, body := p.do("POST", "/api/tickets", p.hour("alice", "*"), "")
	var ticket struct {
		Ticket string
		In     int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(body), &ticket); err != nil || ticket.In != 30 {
		t.Fatal(body)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, p.URL+"/ws/chat/general?ticket="+ticket.Ticket, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	if _, res, err := websocket.Dial(ctx, p.URL+"/ws/chat/general?ticket="+ticket.Ticket, nil); err == nil || res.StatusCode != 401 {
		t.Errorf("the second connection: %v %v", res, err)
	}
}

// Streams opened with an API key end when the key is removed, and its tickets become invalid.
func TestARemovedKeyEndsItsStreams(t *testing.T) {
	t.Parallel()
	p := serve(t)
	keys := func(args ...string) string {
		out, err := exec.Command(testenv.Binary(t), append(append([]string{"keys"}, args...), "--data", p.Data)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	added := keys("add", "billing")
	key := added[strings.Index(added, "key_"):]
	key, _, _ = strings.Cut(key, "\n")
	for known := time.Now().Add(testenv.Patience); ; { // within a second
		res, _ := p.do("GET", "/api/channels", key, "")
		if res.StatusCode == http.StatusOK {
			break
		}
		if time.Now().After(known) {
			t.Fatal("the key is never known: " + res.Status)
		}
		<-time.After(100 * time.Millisecond) // a refused key counts as a handshake
	}
	var ticket struct{ Ticket string }
	if _, body := p.do("POST", "/api/tickets", key, ""); json.Unmarshal([]byte(body), &ticket) != nil || ticket.Ticket == "" {
		t.Fatal(body)
	}
	streams := map[string]io.Reader{}
	for _, path := range []string{"/api/stream/general", "/api/stream?channel_id=general&channel_id=other",
		"/api/messages/poll?channel_id=general&timeout=60"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		write(t, conn, rawHead("GET", path, "Authorization: Bearer "+key, "Connection: close")+"\r\n")
		streams[path] = conn
	}
	ws, _, err := websocket.Dial(t.Context(), p.URL+"/ws/chat/general",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	many, _, err := websocket.Dial(t.Context(), p.URL+"/ws",
		&websocket.DialOptions{HTTPHeader: http.Header{"Authorization": {"Bearer " + key}}})
	if err != nil {
		t.Fatal(err)
	}
	defer many.CloseNow()
	if got := keyedFrame(t.Context(), t, many, "subscribe", "general"); got != "welcome" {
		t.Fatal(got)
	}
	for name, conn := range map[string]*websocket.Conn{"one channel": ws, "many": many} { // it is open, and so are the others
		if got := keyedFrame(t.Context(), t, conn, "ping", "general"); got != "pong" {
			t.Fatalf("%s: %s", name, got)
		}
	}
	keys("remove", "billing")
	for path, stream := range streams {
		got, err := io.ReadAll(stream)
		if err != nil {
			t.Errorf("%s does not end with its key: %v", path, err)
		}
		if poll := strings.Contains(path, "/poll"); poll && !bytes.Contains(got, []byte(`"code":"unauthorized"`)) ||
			!poll && !bytes.Contains(got, []byte("event: welcome")) {
			t.Errorf("%s: %s", path, got)
		}
	}
	for name, conn := range map[string]*websocket.Conn{"one channel": ws, "many": many} {
		for err = nil; err == nil; {
			_, _, err = conn.Read(t.Context())
		}
		if code := websocket.CloseStatus(err); code != 4401 {
			t.Errorf("the WebSocket of %s ends with %d %v", name, code, err)
		}
	}
	if got := fetch(t, p.URL+"/api/channels?ticket="+ticket.Ticket); !strings.Contains(got, `"unauthorized"`) {
		t.Errorf("a ticket of the removed key: %s", got)
	}
}

// parley send and tail accept a token, as a flag or in the environment, for a server that
// requires one.
func TestSendAndTailTakeAToken(t *testing.T) {
	t.Parallel()
	p := serve(t)
	token := p.hour("alice", "*")
	command := func(env string, args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), testenv.Patience)
		t.Cleanup(cancel)
		cmd := exec.CommandContext(ctx, testenv.Binary(t), append(args, "--server", p.URL)...)
		cmd.Env = append(os.Environ(), "PARLEY_TOKEN="+env)
		return cmd
	}
	if out, err := command("", "send", "general", "nobody's").CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "credentials") {
		t.Errorf("without a token: %v %s", err, out)
	}
	for env, args := range map[string][]string{"": {"--token", token}, token: nil} {
		if out, err := command(env, append([]string{"send", "general", "hello"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("send: %v %s", err, out)
		}
	}
	tail := command(token, "tail", "--after", "0", "--json", "general")
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { tail.Process.Kill(); tail.Wait() }()
	lines := bufio.NewScanner(out)
	for n := range 2 {
		var m message
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &m) != nil || m.User != "alice" || m.Text != "hello" {
			t.Fatalf("line %d: %q %v", n, lines.Text(), lines.Err())
		}
	}
}
