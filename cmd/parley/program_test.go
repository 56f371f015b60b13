package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley/testenv"
)

// outcome is the result of a run of the command line.
type outcome struct {
	code           int
	stdout, stderr string
}

// run executes the command line within the test until it ends. It uses the environment
// of the test process, since kong reads that.
func run(t *testing.T, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := &program{args: args, getenv: os.Getenv, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr}
	code := p.run(ctx)
	if ctx.Err() != nil {
		t.Errorf("parley %s did not end by itself", strings.Join(args, " "))
	}
	return outcome{code, stdout.String(), stderr.String()}
}

// refused demands exit code 2 within a second, no ready line, and words that give the reason.
func refused(t *testing.T, words []string, args ...string) {
	t.Helper()
	if os.Getenv("PARLEY_DATA") == "" {
		t.Setenv("PARLEY_DATA", t.TempDir()) // in case it starts anyway
	}
	o := run(t, args...)
	what := "parley " + strings.Join(args, " ")
	if o.code != 2 || o.stdout != "" {
		t.Errorf("%s: exit %d, %q", what, o.code, o.stdout)
	}
	for _, word := range words {
		if !strings.Contains(o.stderr, word) {
			t.Errorf("%s says %q, without %q", what, o.stderr, word)
		}
	}
}

var readyLine = regexp.MustCompile(`^parley ready http=(\S+) admin=(\S+) node=(\S+)\n`)

// running starts dev on free ports and returns the words of its ready line: the whole
// line, http, admin, node. When the test ends it is stopped, and must exit with 0.
func running(t *testing.T, args ...string) []string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out := &lines{ready: make(chan []string, 1)}
	var stderr bytes.Buffer // read when the program has ended
	args = append([]string{"dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"}, args...)
	p := &program{args: args, getenv: os.Getenv, stdin: strings.NewReader(""), stdout: out, stderr: &stderr}
	var code int
	var wait sync.WaitGroup
	wait.Go(func() { code = p.run(ctx); close(out.ready) })
	t.Cleanup(func() {
		stop()
		if wait.Wait(); code != 0 {
			t.Errorf("parley %s: exit %d: %s", strings.Join(args, " "), code, &stderr)
		}
	})
	words, ok := <-out.ready
	if !ok {
		t.Fatalf("parley %s ended with %d before it was ready: %s", strings.Join(args, " "), code, &stderr)
	}
	return words
}

// lines passes on the ready line.
type lines struct{ ready chan []string }

func (l *lines) Write(b []byte) (int, error) {
	if words := readyLine.FindStringSubmatch(string(b)); words != nil {
		l.ready <- words
	}
	return len(b), nil
}

// yamlFile writes a configuration file.
func yamlFile(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "parley.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFlagWinsOverTheEnvironmentOverTheFile(t *testing.T) {
	file := yamlFile(t, "node: from-file\nheartbeat-interval: 5s\ndata: "+t.TempDir()+"\n")
	if node := running(t, "--config", file)[3]; node != "from-file" {
		t.Errorf("the node is %s", node)
	}
	t.Setenv("PARLEY_DATA", t.TempDir())
	t.Setenv("PARLEY_NODE", "from-environment")
	if node := running(t, "--config", file)[3]; node != "from-environment" {
		t.Errorf("the node is %s", node)
	}
	if node := running(t, "--config", file, "--node", "from-flag", "--data", t.TempDir())[3]; node != "from-flag" {
		t.Errorf("the node is %s", node)
	}
	t.Setenv("PARLEY_CONFIG", file)
	t.Setenv("PARLEY_NODE", "")
	if node := running(t, "--data", t.TempDir())[3]; node != "from-file" {
		t.Errorf("the node is %s", node)
	}
}

func TestValidConfigurations(t *testing.T) {
	o := run(t, "config", "check", yamlFile(t, "listen: 127.0.0.1:8080\nhistory-age: 0\nheartbeat-interval: 5s\n"))
	if o.code != 0 || o.stderr != "" || !strings.Contains(o.stdout, "good: heartbeat-interval, history-age, listen") {
		t.Errorf("%+v", o)
	}
	for _, missing := range []string{"--auth-hmac-secret-file", "--allowed-origins"} {
		if !strings.Contains(o.stdout, missing) {
			t.Errorf("%q does not say that %s is missing", o.stdout, missing)
		}
	}
	o = run(t, "config", "check", yamlFile(t, "auth-hmac-secret-file: secret\nallowed-origins: [https://a.example, https://b.example]\n"))
	if o.code != 0 || strings.Contains(o.stdout, "also needs") {
		t.Errorf("%+v", o)
	}
}

func TestInvalidConfigurations(t *testing.T) {
	for text, words := range map[string][]string{
		"heartbeat-intervall: 5s\n":                             {"unknown key", `did you mean "heartbeat-interval"?`},
		"heartbeatInterval: 5s\n":                               {"unknown key", `did you mean "heartbeat-interval"?`},
		"heartbeat-interval: 5\n":                               {"heartbeat-interval", "5 has no unit: write 5s"},
		"leave-grace: 1.5\n":                                    {"leave-grace", "1.5 has no unit: write 1.5s"},
		"heartbeat-interval: soon\n":                            {"heartbeat-interval"},
		"heartbeat-interval: 1ms\n":                             {"10ms"},
		"heartbeat-interval: 30s\nheartbeat-timeout: 20s\n":     {"shorter"},
		"fsync: sometimes\n":                                    {"fsync"},
		"tls-cert: a.pem\n":                                     {"tls-key"},
		"bus: redis://127.0.0.1\n":                              {"--bus", "--store"},
		"memory-limit: -1\n":                                    {"--memory-limit"},
		"max-subscriptions: 0\n":                                {"--max-subscriptions"},
		"- a\n":                                                 {"YAML"},
		"listen: [\n":                                           {"YAML"},
		"listen: localhost:x\n":                                 {"localhost:x", "HOST:PORT"},
		"history-messages: many\n":                              {"history-messages"},
		"namespaces: 5\n":                                       {"namespaces", "one entry per prefix"},
		"namespaces: {'x:': {nope: 1}}\n":                       {"unknown field", "nope"},
		"namespaces: {'x y': {}}\n":                             {`"x y"`, "no channel's name"},
		"namespaces: {'x:': {kind: secret}}\n":                  {`"x:"`, "public or members"},
		"namespaces: {'dm:': {kind: public}}\n":                 {`"dm:"`, "can't be public"},
		"namespaces: {'x:': {presence: {each: 9, batch: 5}}}\n": {`"x:"`, "batch 5 is less than each 9"},
	} {
		file := yamlFile(t, text)
		refused(t, words, "config", "check", file)
		refused(t, words, "dev", "--data", t.TempDir(), "--admin-listen", "127.0.0.1:0", "--config", file)
	}
	for text, words := range map[string][]string{ // dev has no such keys
		"allowed-origins: https://a.example/page\n":          {"is not a valid origin", "https://a.example/page"},
		"allowed-origins: [https://a.example, nonsense]\n":   {"is not a valid origin", "nonsense"},
		"trusted-proxies: 10.0.0.0/99\n":                     {"--trusted-proxies", "10.0.0.0/99"},
		"auth-jwks: nonsense\n":                              {"--auth-jwks", "nonsense", "https://"},
		"auth-jwks: ftp://login.example.com/keys\n":          {"--auth-jwks", "ftp://login.example.com/keys"},
		"rate-user: -1\n":                                    {"--rate-user"},
		"max-connections-per-ip: -1\n":                       {"--max-connections-per-ip"},
		"proxy-protocol: true\n":                             {"--trusted-proxies"},
		"acme-domains: a.example\ntls-cert: a\ntls-key: b\n": {"--acme-domains", "--tls-cert"},
	} {
		file := yamlFile(t, text)
		refused(t, words, "config", "check", file)
		refused(t, words, "serve", "--data", t.TempDir(), "--admin-listen", "127.0.0.1:0", "--config", file)
	}
	refused(t, []string{"nowhere.yaml"}, "config", "check", filepath.Join(t.TempDir(), "nowhere.yaml"))
}

// Typical namespaces of a configuration, and their effects.
func TestNamespacesOfAConfiguration(t *testing.T) {
	base := running(t, "--data", t.TempDir(), "--config", yamlFile(t, `
namespaces:
  "room:": {kind: members, presence: {off: true}}
  "dm:":
    max-text: 10
  "feed:":
    fanout: read
    publish: owner
    retention: {messages: 5}
  "@":
    max-text: 20
`))[1]
	for _, c := range []struct {
		method, path, body string
		status             int
		has                string
	}{
		{"GET", "/api/channels/room:1", "", 200, `"kind":"members"`},
		{"POST", "/api/messages", `{"channel_id":"room:1","user":"bob","text":"x"}`, 403, ""},
		{"PUT", "/api/channels/room:1/members/bob", "", 204, ""},
		{"POST", "/api/messages", `{"channel_id":"room:1","user":"bob","text":"x"}`, 201, ""},
		{"GET", "/api/channels/dm:alice:bob?user=bob", "", 200, `"kind":"members"`},
		{"POST", "/api/messages", `{"channel_id":"dm:alice:bob","user":"bob","text":"1234567890"}`, 201, ""},
		{"POST", "/api/messages", `{"channel_id":"dm:alice:bob","user":"bob","text":"12345678901"}`, 413, "too_large"},
		{"POST", "/api/messages", `{"channel_id":"dm:alice:bob","user":"eve","text":"x"}`, 403, "forbidden"},
		{"GET", "/api/messages?channel_id=dm:alice:bob&user=eve", "", 403, "forbidden"},
		{"POST", "/api/messages", `{"channel_id":"feed:1","user":"bob","text":"x"}`, 403, "forbidden"},
		{"PUT", "/api/channels/feed:1/members/bob", `{"role":"owner"}`, 204, ""},
		{"POST", "/api/messages", `{"channel_id":"feed:1","user":"bob","text":"x"}`, 201, ""},
		{"POST", "/api/messages", `{"channel_id":"@alice","user":"bob","text":"123456789012345678901"}`, 413, "too_large"},
		{"POST", "/api/messages", `{"channel_id":"@alice","user":"bob","text":"12345678901234567890"}`, 201, ""},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, base+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status || !strings.Contains(string(body), c.has) {
			t.Errorf("%s %s %s: %s %s %v, want %d %s", c.method, c.path, c.body, res.Status, body, err, c.status, c.has)
		}
	}
}

func TestServeSaysWhatItMisses(t *testing.T) {
	refused(t, []string{"--auth-hmac-secret-file FILE", "--allowed-origins https://"}, "serve")
	refused(t, []string{"--allowed-origins https://"}, "serve", "--auth-hmac-secret-file", "x")
	refused(t, []string{"nowhere", "head -c 48"}, "serve", "--auth-hmac-secret-file", "nowhere", "--allowed-origins", "https://a.example")
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("1234567890123456789012345678901\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, []string{"or a key in " + empty, "--auth-hmac-secret-file FILE"}, "serve", "--data", t.TempDir(), "--api-keys-file", empty,
		"--allowed-origins", "https://a.example")
	refused(t, []string{"fewer than 32 bytes"}, "serve", "--auth-hmac-secret-file", short, "--allowed-origins", "https://a.example")
	for _, origin := range []string{"null", "*", "chat.example.com", "https://chat.example.com/page", "https://*.example.com"} {
		refused(t, []string{"is not a valid origin", "https://chat.example.com"}, "serve", "--api-keys-file", short, "--allowed-origins", origin)
	}
}

func TestDevStaysOnThisMachine(t *testing.T) {
	data := t.TempDir()
	for _, addr := range []string{"0.0.0.0:8080", ":8080", "[::]:8080", "192.0.2.1:8080", "example.com:8080"} {
		refused(t, []string{"parley dev --listen 127.0.0.1:8080", "parley serve --listen " + addr}, "dev", "--data", data, "--listen", addr)
		refused(t, []string{"parley dev --admin-listen 127.0.0.1:8081", "parley serve --admin-listen " + addr}, "dev", "--data", data,
			"--listen", "127.0.0.1:0", "--admin-listen", addr)
	}
}

// A refusal by dev contains the lines that allow others to connect, with a secret that exists.
func TestDevsRefusalNamesItsSecret(t *testing.T) {
	data := t.TempDir()
	words := running(t, "--data", data)
	secret := filepath.Join(data, "auth-secret")
	for _, header := range []string{"Host", "Origin"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, words[1]+"/api/messages", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header, "http://evil.example")
		if header == "Host" {
			r.Host = "evil.example"
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		var problem struct{ Hint string }
		err = json.NewDecoder(res.Body).Decode(&problem)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusForbidden {
			t.Fatalf("%s: %s, %v", header, res.Status, err)
		}
		for _, part := range []string{"parley serve --auth-hmac-secret-file " + secret, "parley token --user NAME " +
			"--auth-hmac-secret-file " + secret} {
			if !strings.Contains(problem.Hint, part) {
				t.Errorf("%s: the hint %q lacks %s", header, problem.Hint, part)
			}
		}
	}
	if o := run(t, "token", "--user", "alice", "--auth-hmac-secret-file", secret); o.code != 0 || o.stdout == "" {
		t.Errorf("a token of it: %+v", o)
	}
}

func TestJSONLogIsOnlyJSON(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var stderr bytes.Buffer // read when the program has ended
	out := &lines{ready: make(chan []string, 1)}
	p := &program{
		args:   []string{"dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", t.TempDir(), "--log-format", "json"},
		getenv: os.Getenv,
		stdin:  strings.NewReader(""),
		stdout: out,
		stderr: &stderr,
	}
	go func() { <-out.ready; stop() }()
	if code := p.run(ctx); code != 0 {
		t.Fatalf("exit %d: %s", code, &stderr)
	}
	for line := range strings.Lines(stderr.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("%q is not JSON", line)
		}
	}
	if stderr.Len() == 0 {
		t.Error("nothing was logged, so the test tests nothing")
	}
}

// The same flags start dev and serve.
func TestDevAcceptsTheSettingsOfServe(t *testing.T) {
	words := running(
		t,
		"--data",
		t.TempDir(),
		"--auth-hmac-secret-file",
		"nowhere",
		"--auth-jwks",
		"http://127.0.0.1:1/keys",
		"--allowed-origins",
		"https://chat.example.com",
	)
	for origin, status := range map[string]int{"https://chat.example.com": 201, "http://localhost:3000": 201, "https://evil.example": 403} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, words[1]+"/api/messages",
			strings.NewReader(`{"channel_id":"general","text":"x"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Origin", origin)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != status {
			t.Errorf("a page of %s: %s", origin, res.Status)
		}
	}
	refused(t, []string{"chat.example.com", "is not a valid origin"}, "dev", "--data", t.TempDir(), "--allowed-origins", "chat.example.com")
}

func TestInvalidSettingsAreRefused(t *testing.T) {
	refused(t, []string{"--node", "control character"}, "dev", "--data", t.TempDir(), "--node", "a\nb")
	refused(t, []string{"--bus", "--store", "\n  --bus local"}, "dev", "--bus", "redis://127.0.0.1")
	refused(t, []string{"--bus", "--store"}, "serve", "--bus", "nats://127.0.0.1")
	refused(t, []string{"--store", "cassandra://HOST"}, "dev", "--store", "mysql://127.0.0.1/parley")
	refused(t, []string{"--store", "keyspace"}, "dev", "--store", "cassandra://127.0.0.1")
	refused(t, []string{"--store", "quorum"}, "dev", "--store", "cassandra://127.0.0.1/parley?consistency=one")
	refused(t, []string{"--presence redis://"}, "dev", "--store", "cassandra://127.0.0.1/parley", "--bus", "redis://127.0.0.1")
	refused(t, []string{"no schema"}, "store", "status", "--store", "redis://127.0.0.1")
	refused(t, []string{"keyspace"}, "store", "init", "--store", "cassandra://127.0.0.1/")
	refused(t, []string{"--redis-wait", "embedded"}, "dev", "--redis-wait", "1")
	refused(t, []string{"--redis-wait", "negative"}, "dev", "--redis-wait=-1", "--store", "redis://127.0.0.1:1")
	refused(t, []string{"--presence redis://"}, "dev", "--store", "redis://127.0.0.1", "--bus", "redis://127.0.0.1")
	refused(t, []string{"--presence nats://"}, "dev", "--store", "redis://127.0.0.1", "--bus", "nats://127.0.0.1")
	refused(t, []string{"--bus", "nats://"}, "dev", "--store", "redis://127.0.0.1", "--bus", "amqp://127.0.0.1")
	refused(t, []string{"--bus", `"other"`}, "dev", "--store", "redis://127.0.0.1", "--bus", "nats://127.0.0.1?other=1",
		"--presence", "nats://a")
	refused(t, []string{"--presence", "creds"}, "dev", "--store", "redis://127.0.0.1", "--presence", "nats://127.0.0.1?creds=/not/there")
	refused(t, []string{"--ingest", "no topic"}, "dev", "--data", t.TempDir(), "--ingest", "kafka://127.0.0.1")
	refused(t, []string{"--ingest", "kafka://"}, "dev", "--data", t.TempDir(), "--ingest", "amqp://127.0.0.1/t")
	refused(t, []string{"--presence", "nats://"}, "dev", "--store", "redis://127.0.0.1", "--presence", "amqp://127.0.0.1")
	refused(
		t,
		[]string{"--cluster-secret-file"},
		"dev",
		"--store",
		"redis://127.0.0.1",
		"--bus",
		"redis://127.0.0.1",
		"--presence",
		"redis://127.0.0.1",
	)
	refused(t, []string{"localhost:x"}, "dev", "--listen", "localhost:x")
	refused(t, []string{"localhost"}, "dev", "--listen", "localhost")
	refused(t, []string{"127.0.0.1:99999"}, "dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:99999")
	refused(t, []string{"10ms"}, "dev", "--heartbeat-interval", "9ms")
	refused(t, []string{"10ms"}, "dev", "--heartbeat-timeout=-1s")
	refused(t, []string{"less than a second"}, "dev", "--presence-ttl", "10ms")
	refused(t, []string{"shorter"}, "dev", "--heartbeat-interval", "2s", "--heartbeat-timeout", "1s")
	refused(t, []string{"unit"}, "dev", "--heartbeat-interval", "5")
	refused(t, []string{"--nonsense"}, "dev", "--nonsense")
	refused(t, nil, "nonsense")
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	data := t.TempDir()
	running(t, "--data", data)
	refused(t, []string{data, fmt.Sprintf("%d", os.Getpid()), "--data DIR"}, "dev", "--listen", "127.0.0.1:0", "--admin-listen",
		"127.0.0.1:0", "--data", data)
}

func TestADirectoryOfALaterVersionIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "state"), []byte(`{"running":false,"fsync":"commit","format":99}`), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, []string{"written by a later version of parley", "its format is 99", "--data DIR"},
		"dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", dir)
}

func TestADirectoryThatCantBeUsedIsRefused(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	unusable := []string{file, filepath.Join(file, "below")}
	if os.Getuid() != 0 { // root may write anywhere
		unusable = append(unusable, closed, filepath.Join(closed, "below"))
	}
	for _, data := range unusable {
		refused(t, []string{data, "--data", "may write"}, "dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", data)
	}
}

// A long run is not wasted because its page cannot be written.
func TestAPageThatCantBeWrittenIsRefusedBeforeTheRun(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), "nowhere", "report.html")
	refused(t, []string{"--html", nowhere}, "bench", "idle", "--settle", "1h", "--html", nowhere)
}

func TestADamagedDirectoryIsReportedWithAHint(t *testing.T) {
	data := t.TempDir()
	t.Run("made", func(t *testing.T) { running(t, "--data", data) })
	manifests, err := filepath.Glob(filepath.Join(data, "store", "MANIFEST-*"))
	if err != nil || len(manifests) == 0 {
		t.Fatal(manifests, err)
	}
	for _, m := range manifests {
		if err := os.Truncate(m, 10); err != nil {
			t.Fatal(err)
		}
	}
	o := run(t, "dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", data)
	if o.code != 1 || !strings.Contains(o.stderr, data) || !strings.Contains(o.stderr, "restore a copy") {
		t.Errorf("%+v", o)
	}
}

func TestDamagedKeysAreReportedWithAHint(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "keys.json"), []byte("{broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, []string{"keys.json", "parley keys add"}, "serve", "--data", data, "--allowed-origins", "https://a.example")
}

func TestAnAddressInUseIsRefused(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr := l.Addr().String()
	refused(t, []string{"another process listens on " + addr, "--listen 127.0.0.1:0"}, "dev", "--listen", addr, "--admin-listen",
		"127.0.0.1:0", "--data", t.TempDir())
	refused(t, []string{"another process listens on " + addr, "--listen 127.0.0.1:0"}, "demo", "--listen", addr)
	refused(t, []string{"another process listens on " + addr, "--admin-listen 127.0.0.1:0"}, "dev", "--listen", "127.0.0.1:0",
		"--admin-listen", addr, "--data", t.TempDir())
}

func TestHelpNamesEveryFlag(t *testing.T) {
	common := []string{"listen", "admin-listen", "data", "fsync", "store",
		"redis-wait", "bus", "presence", "node", "config", "heartbeat-interval",
		"heartbeat-timeout", "presence-ttl", "leave-grace", "auth-hmac-secret-file", "auth-jwks", "allowed-origins", "tls-cert", "tls-key",
		"memory-limit", "drain-timeout", "log-format", "history-messages",
		"history-age", "recent-memory", "log-level"}
	for verb, flags := range map[string][]string{"dev": common, "serve": common} {
		o := run(t, verb, "--help")
		if o.code != 0 || o.stderr != "" {
			t.Errorf("%s --help: exit %d, %q", verb, o.code, o.stderr)
		}
		for _, flag := range flags {
			if !strings.Contains(o.stdout, "--"+flag) {
				t.Errorf("%s --help does not name --%s", verb, flag)
			}
			if env := "PARLEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")); !strings.Contains(o.stdout, env) {
				t.Errorf("%s --help does not name %s", verb, env)
			}
		}
	}
	for _, args := range [][]string{{"--help"}, {}, {"version"}} {
		if o := run(t, args...); o.code != 0 || o.stdout == "" || o.stderr != "" {
			t.Errorf("parley %v: %+v", args, o)
		}
	}
}

func TestTLSWithHTTP2(t *testing.T) {
	cert, key, roots := testenv.Certificate(t)
	url := running(t, "--data", t.TempDir(), "--tls-cert", cert, "--tls-key", key)[1]
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("the ready line names %s", url)
	}
	client := &http.Client{Transport: &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	defer client.CloseIdleConnections()
	res, err := client.Get(url + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.ProtoMajor != 2 || string(body) != "ok\n" {
		t.Errorf("%s %s %v", res.Proto, body, err)
	}
}

func TestACertificateThatCantBeUsedIsRefusedBeforeTheReadyLine(t *testing.T) {
	cert, key, _ := testenv.Certificate(t)
	_, another, _ := testenv.Certificate(t)
	for _, c := range [][3]string{{cert, "nowhere.pem", "nowhere.pem"}, {"nowhere.pem", key, "nowhere.pem"}, {cert, another, "private " +
		"key"}, {key, cert, "PEM"}} {
		refused(t, []string{c[2], "--tls-cert"}, "dev", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--data", t.TempDir(),
			"--tls-cert", c[0], "--tls-key", c[1])
	}
}

// Even OPTIONS *, which net/http would answer by itself, gets the headers of every answer.
func TestOptionsOfTheWholeServer(t *testing.T) {
	words := running(t, "--data", t.TempDir())
	conn, err := net.Dial("tcp", strings.TrimPrefix(words[1], "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") ||
		!strings.Contains(string(answer), "X-Content-Type-Options: nosniff\r\n") {
		t.Errorf("%s, %v", answer, err)
	}
}

func TestTheAdminListenerIsGuarded(t *testing.T) {
	words := running(t, "--data", t.TempDir())
	r, err := http.NewRequest("POST", words[2]+"/admin/api/drain", nil)
	if err != nil {
		t.Fatal(err)
	}
	for header, value := range map[string]string{"Origin": "https://evil.example", "Host": "evil.example"} {
		r := r.Clone(t.Context())
		if r.Header.Set(header, value); header == "Host" {
			r.Host = value
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s is answered with %s", header, value, res.Status)
		}
	}
}

// A server may be for back ends only.
func TestServeAcceptsTheKeysOfItsDataDirectory(t *testing.T) {
	data := t.TempDir()
	serve := func(args ...string) []string {
		return append([]string{"serve", "--allowed-origins", "https://a.example:443", "--data", data}, args...)
	}
	refused(t, []string{"--auth-hmac-secret-file", "parley keys add"}, serve()...)
	if o := run(t, "keys", "add", "billing", "--data", data); o.code != 0 {
		t.Fatal(o)
	}
	s := inProduction(t, serve()[1:]...)
	r, err := http.NewRequest("GET", s.url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", "https://a.example") // browsers omit the port
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if got := res.Header.Get("Access-Control-Allow-Origin"); got != "https://a.example" {
		t.Errorf("an origin with its scheme's own port: %q", got)
	}
}
