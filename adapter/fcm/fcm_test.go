package fcm_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/fcm"
	"github.com/parley-server/parley/parleytest"
)

func open(t testing.TB, cfg fcm.Config) *fcm.Notifier {
	t.Helper()
	n, err := fcm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func config(s *parleytest.FCM) fcm.Config {
	return fcm.Config{CredentialsFile: s.CredentialsFile, URL: s.URL, Client: s.Client}
}

func TestNotifier(t *testing.T) {
	parleytest.RunNotifier(t, func(t *testing.T) parleytest.NotifierHarness {
		s := parleytest.NewFCM(t)
		return parleytest.NotifierHarness{Notifier: open(t, config(s)), Service: s, Cuts: true}
	})
}

func send(t *testing.T, n *fcm.Notifier, d parley.Device) error {
	t.Helper()
	return n.Notify(t.Context(), d, parley.Notification{Channel: "c", ID: 1, Title: "t", Body: "b", Collapse: "x"})
}

func TestTheAccessTokenIsSharedAndRenewed(t *testing.T) {
	s := parleytest.NewFCM(t)
	var mu sync.Mutex
	at := time.Now().Add(-56 * time.Minute) // the service compares with its own clock
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(d)
	}
	cfg := config(s)
	cfg.Now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
	n, d := open(t, cfg), s.Device(t)
	var wait sync.WaitGroup
	for range 16 {
		wait.Go(func() {
			if err := send(t, n, d); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	for _, c := range []struct {
		pass time.Duration
		want int
	}{{0, 1}, {54 * time.Minute, 1}, {time.Minute, 2}} {
		pass(c.pass)
		if err := send(t, n, d); err != nil || s.Exchanges() != c.want {
			t.Fatalf("after %v: %v; %d exchanges, want %d", c.pass, err, s.Exchanges(), c.want)
		}
	}
}

func TestARefusedAccessTokenIsReplacedOnce(t *testing.T) {
	s := parleytest.NewFCM(t)
	n, d := open(t, config(s)), s.Device(t)
	for range 2 {
		if err := send(t, n, d); err != nil {
			t.Fatal(err)
		}
		s.Expire()
	}
	if got := s.Exchanges(); got != 2 {
		t.Errorf("%d exchanges", got)
	}
	s.Answer(&parleytest.PushAnswer{Status: 401})
	if err := send(t, n, d); !errors.Is(err, parley.ErrCredentials) {
		t.Errorf("%v", err)
	}
	if got := s.Exchanges(); got > 4 {
		t.Errorf("%d exchanges", got)
	}
}

func TestWhatTheTokenServerAnswers(t *testing.T) {
	s := parleytest.NewFCM(t)
	n, d := open(t, config(s)), s.Device(t)
	for _, c := range []struct {
		answer parleytest.PushAnswer
		want   error // nil: a later try may succeed
	}{
		{parleytest.PushAnswer{Status: 400, Body: `{"error":"invalid_grant","error_description":"REQUEST"}`}, parley.ErrCredentials},
		{parleytest.PushAnswer{Status: 401, Body: `{"error":"invalid_client"}`}, parley.ErrCredentials},
		{parleytest.PushAnswer{Status: 403, Body: "REQUEST"}, parley.ErrCredentials},
		{parleytest.PushAnswer{Status: 429, RetryAfter: "9"}, nil},
		{parleytest.PushAnswer{Status: 500}, nil},
		{parleytest.PushAnswer{Status: 503, Body: "REQUEST"}, nil},
		{parleytest.PushAnswer{Status: 302}, nil},
		{parleytest.PushAnswer{Status: 404}, nil},
		{parleytest.PushAnswer{Status: 200, Body: "REQUEST"}, nil},
		{parleytest.PushAnswer{Status: 200, Body: "{}"}, nil},
	} {
		s.AnswerTokens(&c.answer)
		err := send(t, n, d)
		var retry *parley.RetryError
		if c.want != nil && !errors.Is(err, c.want) || c.want == nil && !errors.As(err, &retry) {
			t.Errorf("%v: %v", c.answer, err)
		}
		if err != nil && (strings.Contains(err.Error(), "eyJ") || strings.Contains(err.Error(), s.URL)) {
			t.Errorf("the error shows too much: %v", err)
		}
		if c.answer.RetryAfter != "" && retry.After != 9*time.Second {
			t.Errorf("%v: after %v", c.answer, retry.After)
		}
	}
	s.AnswerTokens(nil)
	if err := send(t, n, d); err != nil {
		t.Error(err)
	}
}

func TestADeviceThatTheServiceDoesNotKnowIsGone(t *testing.T) {
	s := parleytest.NewFCM(t)
	n := open(t, config(s))
	for _, token := range []string{"", "unknown", `"}`, strings.Repeat("x", 4096)} {
		if err := send(t, n, parley.Device{Token: token}); !errors.Is(err, parley.ErrGone) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// What is wrong with the settings is said at the start, with what to do and without the key.
func TestSettingsThatAreWrong(t *testing.T) {
	s := parleytest.NewFCM(t)
	b, err := os.ReadFile(s.CredentialsFile)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(name, value string) func(*fcm.Config) {
		return func(c *fcm.Config) {
			var account map[string]string
			if err := json.Unmarshal(b, &account); err != nil {
				t.Fatal(err)
			}
			account[name] = value
			out, err := json.Marshal(account)
			if err != nil {
				t.Fatal(err)
			}
			c.CredentialsFile = filepath.Join(t.TempDir(), "account.json")
			if err := os.WriteFile(c.CredentialsFile, out, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for want, change := range map[string]func(*fcm.Config){
		"file is missing":   func(c *fcm.Config) { c.CredentialsFile = "" },
		"no such file":      func(c *fcm.Config) { c.CredentialsFile += ".gone" },
		"Firebase console":  func(c *fcm.Config) { c.CredentialsFile = "fcm_test.go" },
		"service account:":  changed("type", "authorized_user"),
		"no project_id":     changed("project_id", ""),
		"no client_email":   changed("client_email", ""),
		"no private_key":    changed("private_key", ""),
		"not an RSA key":    changed("private_key", "secret"),
		"no token_uri":      changed("token_uri", ""),
		"token_uri in":      changed("token_uri", "nowhere"),
		"URL is not valid:": func(c *fcm.Config) { c.URL = "fcm.googleapis.com" },
	} {
		cfg := config(s)
		change(&cfg)
		if _, err := fcm.New(cfg); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is not in %v", want, err)
		}
	}
}
