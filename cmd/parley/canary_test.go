package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-server/parley/auth"
)

// inProcess is a parley serve that runs within the test.
type inProcess struct {
	url, admin     string
	stdout, stderr *bytes.Buffer // read these only after stop
	stop           func()
}

func inProduction(t *testing.T, args ...string) *inProcess {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s := &inProcess{stdout: new(bytes.Buffer), stderr: new(bytes.Buffer)}
	out := &lines{ready: make(chan []string, 1)}
	p := &program{args: append([]string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...), getenv: os.Getenv,
		stdin: strings.NewReader(""), stdout: io.MultiWriter(s.stdout, out), stderr: s.stderr}
	var code int
	var wait sync.WaitGroup
	wait.Go(func() { code = p.run(ctx); close(out.ready) })
	s.stop = sync.OnceFunc(func() {
		cancel()
		if wait.Wait(); code != 0 {
			t.Errorf("exit %d: %s", code, s.stderr)
		}
	})
	t.Cleanup(s.stop)
	words, ok := <-out.ready
	if !ok {
		t.Fatalf("ended with %d before it was ready: %s", code, s.stderr)
	}
	s.url, s.admin = words[1], words[2]
	return s
}

// Searches for secrets and texts in everything that the server writes.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	data := t.TempDir()
	dir := t.TempDir()
	secretFile, keyFile, adminFile, auditFile := filepath.Join(dir, "secret"), filepath.Join(
		dir,
		"keys",
	), filepath.Join(dir, "admin"), filepath.Join(
		dir,
		"audit",
	)
	const (
		apiKey  = "key-canary-5d1e77aa"
		admin   = "admin-canary-90f3b2c4"
		text    = "text-canary-3b8a61f0"
		bad     = "bad-canary-77e0c9d1"
		bodies  = "body-canary-1c44aa0e"
		headers = "header-canary-e2b7a911"
	)
	secret := []byte("secret-canary-" + strings.Repeat("b4", 20))
	for path, content := range map[string][]byte{secretFile: secret, keyFile: []byte(apiKey), adminFile: []byte(admin)} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var made bytes.Buffer
	keys := &program{
		args:   []string{"keys", "add", "billing", "--data", data, "--audit-log", auditFile},
		getenv: os.Getenv,
		stdin:  strings.NewReader(""),
		stdout: &made,
		stderr: io.Discard,
	}
	if code := keys.run(t.Context()); code != 0 {
		t.Fatal(code)
	}
	hashed := strings.TrimSpace(made.String())
	claims := func(user string) auth.Claims {
		return auth.Claims{
			Channels: &[]string{"room:*=rw"},
			RegisteredClaims: jwt.RegisteredClaims{
				Subject:   user,
				IssuedAt:  jwt.NewNumericDate(time.Now()),
				ExpiresAt: jwt.NewNumericDate(time.Now().Add(time.Hour)),
			},
		}
	}
	token, err := auth.Sign(secret, claims("alice"))
	if err != nil {
		t.Fatal(err)
	}
	s := inProduction(
		t,
		"--data",
		data,
		"--auth-hmac-secret-file",
		secretFile,
		"--api-keys-file",
		keyFile,
		"--admin-token-file",
		adminFile,
		"--audit-log",
		auditFile,
		"--allowed-origins",
		"https://chat.example.com",
		"--log-level",
		"debug",
		"--log-format",
		"json",
	)
	var answers bytes.Buffer // to refused requests
	do := func(method, path, body string, want int, header ...string) string {
		t.Helper()
		url := s.url + path
		if strings.HasPrefix(path, "http") {
			url = path
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range header {
			name, value, _ := strings.Cut(line, ": ")
			r.Header.Set(name, value)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != want {
			t.Errorf("%s %s: %s %s %v, want %d", method, path, res.Status, b, err, want)
		}
		if want >= 400 {
			fmt.Fprintf(&answers, "%s %v\n", b, res.Header)
		}
		return string(b)
	}
	alice, service := "Authorization: Bearer "+token, "Authorization: Bearer "+apiKey
	do("POST", "/api/messages", `{"channel_id":"room:a","text":"`+text+`"}`, 201, alice)
	do("POST", "/api/messages?token="+token, `{"channel_id":"room:a","text":"`+text+`"}`, 201)
	do("POST", "/api/messages?token="+token+"&after=x", `{"channel_id":"room:a","text":"`+text+`","user":"bob"}`, 403)
	do("POST", "/api/messages", `{"channel_id":"room:a","text":"`+bodies, 400, alice)
	do("POST", "/api/messages", `{"channel_id":"room:a","text":["`+bodies+`"]}`, 400, alice)
	do("POST", "/api/messages/batch", `[{"`+bodies+`":1]`, 400, alice)
	do("POST", "/api/messages", bodies, 415, alice, "Content-Type: "+"text/plain")
	do("POST", "/api/messages", `{"channel_id":"other","text":"`+text+`"}`, 403, alice)
	do("GET", "/api/messages?channel_id=room:a&token="+bad, "", 401)
	do("GET", "/api/messages?channel_id=room:a&ticket="+bad, "", 401)
	do("GET", "/api/messages?channel_id=room:a", "", 401, "Authorization: Bearer "+bad+"."+bad+"."+bad)
	do("GET", "/api/messages?channel_id=room:a", "", 401, "Authorization: Basic "+bad)
	do("GET", "/api/messages?channel_id=room:a", "", 401, "Authorization: Bearer key_"+bad)
	do("GET", "/api/messages?channel_id=room:a", "", 401, "Cookie: parley_token="+bad, "X-Secret: "+headers)
	do("GET", "/api/channels/other?token="+token, "", 403)
	do("GET", "/nowhere?token="+token, "", 404)
	do("PUT", "/api/channels/room:a/members/bob", `{"role":"`+bodies+`"}`, 400, service)
	do("PUT", "/api/channels/room:a/members/bob", "", 204, service)
	do("PUT", "/api/channels/room:a/bans/carol", "", 204, "Authorization: Bearer "+hashed)
	do("GET", s.admin+"/metrics", "", 401, "Authorization: Bearer "+bad)
	var ticket struct{ Ticket string }
	if err := json.Unmarshal([]byte(do("POST", "/api/tickets", "", 200, alice)), &ticket); err != nil || ticket.Ticket == "" {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, s.url+"/ws?ticket="+ticket.Ticket, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	do("GET", "/ws?ticket="+ticket.Ticket, "", 401)
	second, err := auth.Sign(secret, claims("alice"))
	if err != nil {
		t.Fatal(err)
	}
	for _, frame := range []string{`{"channel":"room:a","text":"` + text + `"}`, `{"` + bodies, `{"type":"message","channel":"room:a",` +
		`"text":{"` + bodies + `":1}}`,
		`{"type":"history","channel":"other","before":1}`, `{"type":"auth","token":"` + second + `"}`, `{"type":"auth","token":"` + bad + `"}`} {
		if err := ws.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
			t.Fatal(err)
		}
	}
	for err == nil {
		var b []byte
		if _, b, err = ws.Read(ctx); strings.HasPrefix(string(b), `{"type":"error"`) {
			answers.Write(append(b, '\n'))
		}
	}
	if websocket.CloseStatus(err) != 4401 {
		t.Errorf("the WebSocket ended with %v", err)
	}
	answers.WriteString(err.Error())
	do("POST", "/api/users/alice/revoke", "", 204, service)
	metrics := do("GET", s.admin+"/metrics", "", 200, "Authorization: Bearer "+admin)
	do("POST", s.admin+"/admin/api/drain", "", 202, "Authorization: Bearer "+admin)
	s.stop()

	audit, err := os.ReadFile(auditFile)
	if err != nil {
		t.Fatal(err)
	}
	signature := func(token string) string { return token[strings.LastIndex(token, ".")+1:] }
	canaries := map[string]string{
		"the token":        signature(token),
		"another token":    signature(second),
		"the ticket":       ticket.Ticket,
		"an API key":       apiKey,
		"a hashed API key": hashed[8:],
		"the admin token":  admin,
		"the secret":       string(secret),
		"bad credentials":  bad,
		"a header":         headers,
	}
	everywhere := map[string]string{
		"stdout":        s.stdout.String(),
		"stderr":        s.stderr.String(),
		"the metrics":   metrics,
		"the audit log": string(audit),
		"answers":       answers.String(),
	}
	for what, canary := range canaries {
		for where, content := range everywhere {
			if i := strings.Index(content, canary); i >= 0 {
				t.Errorf("%s holds %s: %q", where, what, content[max(0, i-100):min(len(content), i+100)])
			}
		}
	}
	for where, content := range everywhere {
		if strings.Contains(content, text) || strings.Contains(content, bodies) && where != "answers" {
			t.Errorf("%s holds what was said", where)
		}
	}
	if err := filepath.WalkDir(data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for what, canary := range canaries {
			if bytes.Contains(b, []byte(canary)) {
				t.Errorf("%s holds %s", path, what)
			}
		}
		return err
	}); err != nil {
		t.Error(err)
	}

	// The audit log does contain what it is for, one JSON object per line.
	var said []string
	for line := range strings.Lines(string(audit)) {
		var l struct {
			Msg, What, User, Code, Address string
			Key                            bool `json:"api_key"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Msg == "" {
			t.Errorf("%q: %v", line, err)
		}
		said = append(said, strings.TrimSpace(fmt.Sprint(l.Msg, " ", l.What, " ", l.User, " ", l.Code, " ", l.Key)))
	}
	all := strings.Join(said, "\n")
	for _, want := range []string{"administered keys add billing", "refused POST /api/messages  " +
		"not_you", "refused POST /api/messages  forbidden", "refused GET /api/messages  unauthorized",
		"administered PUT /api/channels/room:a/members/bob guest  " +
			"true", "administered PUT /api/channels/room:a/bans/carol guest  true", "refused frame history alice forbidden",
		"refused frame auth alice unauthorized", "refused admin: GET /metrics  " +
			"unauthorized", "administered POST /api/users/alice/revoke guest  true", "administered drain"} {
		if !strings.Contains(all, want) {
			t.Errorf("the audit log lacks %q:\n%s", want, all)
		}
	}
	if info, err := os.Stat(auditFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}
