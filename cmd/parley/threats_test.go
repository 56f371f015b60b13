package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// hardened is a server with an admin token, an audit log and a captured log.
func hardened(t *testing.T, args ...string) (s *inProcess, audit string) {
	t.Helper()
	dir := t.TempDir()
	keys, admin := filepath.Join(dir, "keys"), filepath.Join(dir, "admin")
	for _, path := range []string{keys, admin} {
		if err := os.WriteFile(path, []byte("of-the-test-and-long-enough\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	audit = filepath.Join(dir, "audit")
	return inProduction(
		t,
		append([]string{"--data", t.TempDir(), "--api-keys-file", keys, "--admin-token-file", admin, "--audit-log", audit,
			"--allowed-origins", "https://chat.example.com", "--log-level", "debug"}, args...)...), audit
}

// A client whose requests fail controls neither how many lines that writes nor how long they are kept.
func TestARefusedFloodWritesFewLines(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		log := (&nodeFlags{LogFormat: format, LogLevel: "info"}).logger(&out)
		for i := range 1000 {
			log.Warn("request failed", "method", "POST", "path", "/api/messages", "code", parley.CodeUnavailable, "error",
				fmt.Errorf("append to %d: the disk is almost full", i))
		}
		if n := strings.Count(out.String(), "request failed"); n != 1 {
			t.Errorf("%s: a thousand refusals of one kind wrote %d lines", format, n)
		}
	}
}

func ask(t *testing.T, method, target string, header ...string) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

// Text chosen by strangers cannot start a line of a log.
func TestNobodyWritesLinesOfALog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		s, audit := hardened(t, "--log-format", format)
		const line = "\ntime=2000-01-01T00:00:00Z level=ERROR msg=forged\n{\"level\":\"ERROR\",\"msg\":\"forged\"}\r\x1b[31m"
		evil := url.PathEscape(line)
		for _, path := range []string{"/" + evil, "/api/channels/" + evil, "/api/messages?channel_id=" + url.QueryEscape(line),
			"/api/users/" + evil + "/revoke", "/ws/" + evil, "/api/stream/" + evil} {
			ask(t, "GET", s.url+path)
			ask(t, "POST", s.url+path, "Authorization: Bearer of-the-test-and-long-enough")
			ask(t, "DELETE", s.url+path, "Authorization: Bearer x", "Origin: https://"+url.QueryEscape(line))
		}
		ask(t, "GET", s.admin+"/"+evil)
		s.stop()
		written, err := os.ReadFile(audit)
		if err != nil || len(written) == 0 {
			t.Fatal("nothing was written down: ", err)
		}
		for name, log := range map[string]string{"the log": s.stderr.String(), "the audit log": string(written)} {
			if found := regexp.MustCompile(`(?m)^(time=2000|.*"msg":"forged")|[\r\x1b]`).FindString(log); found != "" {
				t.Errorf("%s, %s, has the line %q", name, format, found)
			}
		}
	}
}

// The public listener serves nothing of the admin listener, which serves only health
// without a token; the only valid token is the configured one.
func TestTheAdminListenerIsItsOwn(t *testing.T) {
	s, _ := hardened(t)
	if got := ask(t, "GET", s.url+"/admin"); got != 404 { // the page itself, which asks for the token, is not secret
		t.Errorf("/admin on the public listener: %d", got)
	}
	paths := []string{
		"/metrics",
		"/debug/pprof/",
		"/debug/pprof/heap",
		"/debug/pprof/cmdline",
		"/debug/pprof/profile",
		"/debug/pprof/trace",
		"/debug/pprof/symbol",
	}
	for _, path := range paths {
		if got := ask(t, "GET", s.url+path, "Authorization: Bearer of-the-test-and-long-enough"); got != 404 {
			t.Errorf("%s on the public listener: %d", path, got)
		}
		for _, token := range []string{"", "Authorization: Bearer", "Authorization: Bearer " +
			"admin", "Authorization: Bearer parley", "Authorization: Basic YWRtaW46YWRtaW4=", "Authorization: of-the-test-and-long-enough"} {
			if token == "" {
				token = "X-Nothing: x"
			}
			if got := ask(t, "GET", s.admin+path, token); got != 401 {
				t.Errorf("%s with %q: %d, want 401", path, token, got)
			}
		}
	}
	for _, path := range []string{"/admin/api/drain"} {
		if public, admin := ask(t, "POST", s.url+path), ask(t, "POST", s.admin+path); public != 404 || admin != 401 {
			t.Errorf("POST %s: %d and %d", path, public, admin)
		}
	}
	for _, path := range []string{"/healthz", "/readyz"} {
		if got := ask(t, "GET", s.admin+path); got != 200 {
			t.Errorf("%s: %d", path, got)
		}
	}
	if got := ask(t, "GET", s.admin+"/metrics", "Authorization: bearer of-the-test-and-long-enough"); got != 200 {
		t.Errorf("with the token: %d", got)
	}
}

// An address in the audit log is a single address, or is marked as a network.
func TestAuditLogMarksNetworks(t *testing.T) {
	for client, want := range map[string]string{"203.0.113.7": `"address":"203.0.113.7"`, "2001:db8::7": `"address":"2001:db8::/64"`} {
		s, audit := hardened(t, "--trusted-proxies", "127.0.0.1")
		if got := ask(t, "GET", s.url+"/api/channels", "Authorization: Bearer x", "X-Forwarded-For: "+client); got != 401 {
			t.Errorf("%s got %d", client, got)
		}
		written, err := os.ReadFile(audit)
		if err != nil || !strings.Contains(string(written), want) {
			t.Errorf("%s: %s %v, without %s", client, written, err, want)
		}
	}
}
