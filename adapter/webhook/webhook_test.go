package webhook_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/webhook"
	"github.com/parley-server/parley/parleytest"
)

func secrets(t *testing.T, text string) webhook.Secrets {
	t.Helper()
	s, err := webhook.ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func config(t *testing.T, s *parleytest.Webhook) webhook.Config {
	return webhook.Config{URL: s.URL + "/hook?token=private", Secrets: secrets(t, s.Secret), AllowPrivate: true}
}

func TestNotifier(t *testing.T) {
	parleytest.RunNotifier(t, func(t *testing.T) parleytest.NotifierHarness {
		s := parleytest.NewWebhook(t)
		n, err := webhook.NewNotifier(config(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return parleytest.NotifierHarness{Notifier: n, Service: s, Silent: true}
	})
}

func TestARepeatHasTheSameID(t *testing.T) {
	s := parleytest.NewWebhook(t)
	n, err := webhook.NewNotifier(config(t, s))
	if err != nil {
		t.Fatal(err)
	}
	note := parley.Notification{User: "alice", Channel: "c", ID: 7, Title: "t", Body: "b", Count: 1, Collapse: "Zk0x"}
	for range 2 {
		if err := n.Notify(t.Context(), parley.Device{}, note); err != nil {
			t.Fatal(err)
		}
	}
	note.ID = 8
	if err := n.Notify(t.Context(), parley.Device{}, note); err != nil {
		t.Fatal(err)
	}
	posts := s.Posts(t, s.Secret)
	first, second, third := posts[0].Header["webhook-id"], posts[1].Header["webhook-id"], posts[2].Header["webhook-id"]
	if first != second || first == third || first == "" || strings.Contains(first, ".") {
		t.Errorf("the ids are %q, %q, %q", first, second, third)
	}
}

// While a secret is replaced, receivers with the old and with the new one accept.
func TestEverySecretSigns(t *testing.T) {
	s := parleytest.NewWebhook(t)
	const other = "whsec_dGhlIG5ldyBzZWNyZXQgb2YgYSB3ZWJob29r"
	cfg := config(t, s)
	cfg.Secrets = secrets(t, s.Secret+"\n\n "+other+" \r\n")
	sender, err := webhook.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{s.Secret, other} {
		for id, body := range map[string]string{
			"msg_1":             `{"type":"x"}`,
			"NAME/room.A:b/42":  `{"text":"Grüße 👨‍👩‍👧‍👦 </script>\u0000\n"}`,
			"NAME/@alice/1-100": `[` + strings.Repeat(`"x",`, 100_000) + `1]`,
		} {
			if err := sender.Send(t.Context(), id, []byte(body)); err != nil {
				t.Fatal(err)
			}
			posts := s.Posts(t, secret)
			if len(posts) != 1 || posts[0].Header["webhook-id"] != id || posts[0].Body != body ||
				strings.Count(posts[0].Header["webhook-signature"], "v1,") != 2 {
				t.Errorf("%+v", posts)
			}
		}
	}
}

func TestAddressesOnThisMachineAreRefused(t *testing.T) {
	s := parleytest.NewWebhook(t)
	cfg := config(t, s)
	cfg.AllowPrivate = false
	if _, err := webhook.NewSender(cfg); !errors.Is(err, webhook.ErrAddress) || strings.Contains(err.Error(), "private ") ||
		strings.Contains(err.Error(), "token") {
		t.Errorf("%v", err)
	}
	for _, url := range []string{"", "x", "ftp://example.org", "http://"} {
		cfg := webhook.Config{URL: url, Secrets: secrets(t, s.Secret), AllowPrivate: true}
		if _, err := webhook.NewSender(cfg); err == nil || errors.Is(err, webhook.ErrAddress) {
			t.Errorf("%q: %v", url, err)
		}
	}
	// A name that looks public is resolved for each connection.
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	sender, err := webhook.NewSender(webhook.Config{URL: "http://" + hostname(t) + ":" + port, Secrets: secrets(t, s.Secret)})
	if err == nil { // else the machine's name is localhost
		err = sender.Send(t.Context(), "x", []byte("{}"))
	}
	if err == nil {
		t.Error("it was sent")
	}
	if got := s.Connections(); got != 0 {
		t.Errorf("%d connections", got)
	}
}

func hostname(t *testing.T) string {
	t.Helper()
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "no secret",
		"\n \n":                  "no secret",
		"MfKQ9r8GKYqrTwjUPD8ILA": "not a secret",
		"whsec_!!":               "not a secret",
		"whsec_c2hvcnQ=":         "shorter than 16 bytes",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nMfKQ": "not a secret",
	} {
		_, err := webhook.ParseSecrets(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("%q: %v", text, err)
		}
	}
	s := secrets(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if text := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(text, "[") || strings.Contains(text, "0x") {
		t.Errorf("secrets are shown: %s", text)
	}
	file := filepath.Join(t.TempDir(), "secret")
	if _, err := webhook.ReadSecrets(file); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v", err)
	}
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := webhook.ReadSecrets(file); err == nil || !strings.Contains(err.Error(), "write whsec_") {
		t.Errorf("%v", err)
	}
	if _, err := webhook.NewSender(webhook.Config{URL: "https://example.org"}); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// The time of a signature is that of the try, or receivers would take a late one for a replay.
func TestEachTryHasItsOwnTime(t *testing.T) {
	s := parleytest.NewWebhook(t)
	now := time.Now().Add(-2 * time.Minute)
	cfg := config(t, s)
	cfg.Now = func() time.Time { now = now.Add(time.Minute); return now }
	sender, err := webhook.NewSender(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := sender.Send(t.Context(), "x", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	posts := s.Posts(t, s.Secret)
	if posts[0].Header["webhook-timestamp"] == posts[1].Header["webhook-timestamp"] {
		t.Error("the time is the same")
	}
}
