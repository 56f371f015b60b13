package webpush_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/webpush"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

var service = testenv.NewService("webpush")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := service.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func open(t *testing.T, change ...func(*webpush.Config)) (*webpush.Notifier, *parleytest.WebPush) {
	t.Helper()
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	cfg := webpush.Config{Keys: keys, Subject: "mailto:push@example.org", AllowPrivate: true}
	for _, c := range change {
		c(&cfg)
	}
	n, err := webpush.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n, parleytest.NewWebPush(t, service.URL(t), keys.PublicKey())
}

func TestNotifier(t *testing.T) {
	parleytest.RunNotifier(t, func(t *testing.T) parleytest.NotifierHarness {
		n, s := open(t)
		return parleytest.NotifierHarness{Notifier: n, Service: s, Cuts: true, Silent: true}
	})
}

func send(t *testing.T, n *webpush.Notifier, d parley.Device) error {
	t.Helper()
	return n.Notify(t.Context(), d, parley.Notification{Channel: "c", ID: 1, Title: "t", Body: "b", Collapse: "x"})
}

// As the service of others sees it.
func TestASubscriptionThatHasEndedIsGone(t *testing.T) {
	n, s := open(t)
	d := s.Device(t)
	if err := send(t, n, d); err != nil {
		t.Fatal(err)
	}
	s.Expire(t, d)
	if err := send(t, n, d); !errors.Is(err, parley.ErrGone) {
		t.Error(err)
	}
}

// The subscriptions of browsers stay valid over a restart.
func TestKeysSurviveARestart(t *testing.T) {
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	b, err := keys.Bytes()
	if err != nil || len(b) != 32 {
		t.Fatal(len(b), err)
	}
	again, err := webpush.ParseKeys(b)
	if err != nil || again.PublicKey() != keys.PublicKey() || len(keys.PublicKey()) != 87 {
		t.Fatalf("%q, then %q, %v", keys.PublicKey(), again.PublicKey(), err)
	}
	s := parleytest.NewWebPush(t, service.URL(t), keys.PublicKey())
	d := s.Device(t)
	for _, k := range []webpush.Keys{keys, again} {
		n, err := webpush.New(webpush.Config{Keys: k, Subject: "https://example.org/contact", AllowPrivate: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := send(t, n, d); err != nil {
			t.Error(err)
		}
	}
	if other, _ := webpush.NewKeys(); other.PublicKey() == keys.PublicKey() {
		t.Error("keys are not new")
	}
	for _, b := range [][]byte{nil, {}, make([]byte, 32), make([]byte, 31), b[1:]} {
		if _, err := webpush.ParseKeys(b); err == nil {
			t.Errorf("%d bytes are keys", len(b))
		}
	}
	for _, text := range []string{fmt.Sprint(keys), fmt.Sprintf("%v %+v %#v %s", keys, keys, keys, keys)} {
		if strings.Contains(text, keys.PublicKey()) || strings.Contains(text, "[") || strings.Contains(text, "0x") {
			t.Errorf("keys are shown: %s", text)
		}
	}
}

// Browsers' endpoints come from users.
func TestEndpointsOnThisMachineAreNotConnectedTo(t *testing.T) {
	n, s := open(t, func(c *webpush.Config) { c.AllowPrivate = false })
	d := s.Device(t)
	for _, endpoint := range []string{d.Subscription.Endpoint, strings.Replace(d.Subscription.Endpoint, "127.0.0.1", "localhost", 1),
		strings.Replace(d.Subscription.Endpoint, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		sub := *d.Subscription
		sub.Endpoint = endpoint
		err := send(t, n, parley.Device{Subscription: &sub})
		if err == nil || errors.Is(err, parley.ErrGone) || errors.As(err, new(*parley.RetryError)) || strings.Contains(err.Error(), "127.0") {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	if got := s.Connections(); got != 0 {
		t.Errorf("%d connections", got)
	}
}

func TestSubscriptionsThatCannotReceive(t *testing.T) {
	n, s := open(t)
	good := *s.Device(t).Subscription
	for name, change := range map[string]func(*parley.Subscription){
		"no key":                 func(s *parley.Subscription) { s.P256DH = nil },
		"a key that is no point": func(s *parley.Subscription) { s.P256DH = append([]byte{4}, make([]byte, 64)...) },
		"a short secret":         func(s *parley.Subscription) { s.Auth = s.Auth[:15] },
	} {
		sub := good
		change(&sub)
		if err := send(t, n, parley.Device{Subscription: &sub}); !errors.Is(err, parley.ErrGone) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := send(t, n, parley.Device{}); !errors.Is(err, parley.ErrGone) {
		t.Errorf("no subscription: %v", err)
	}
	for _, endpoint := range []string{"", "ftp://example.org/secret", "http:///secret", "http://%zz/secret"} {
		sub := good
		sub.Endpoint = endpoint
		if err := send(t, n, parley.Device{Subscription: &sub}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
	if got := s.Connections(); got != 0 {
		t.Errorf("%d connections", got)
	}
}

func TestSettingsThatAreWrong(t *testing.T) {
	keys, err := webpush.NewKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"", "push@example.org", "mailto:", "mailto:push", "http://example.org", "https://"} {
		if _, err := webpush.New(webpush.Config{Keys: keys, Subject: subject}); err == nil || !strings.Contains(err.Error(), "mailto:YOU") {
			t.Errorf("%q: %v", subject, err)
		}
	}
	if _, err := webpush.New(webpush.Config{Subject: "mailto:push@example.org"}); err == nil {
		t.Error("there are no keys")
	}
}

// A token is signed once for each service, and again before it expires.
func TestTokensAreSharedAndRenewed(t *testing.T) {
	now := time.Now()
	n, s := open(t, func(c *webpush.Config) { c.Now = func() time.Time { return now } })
	d := s.Device(t)
	used := func() int {
		t.Helper()
		if err := send(t, n, d); err != nil {
			t.Fatal(err)
		}
		return s.Tokens()
	}
	for _, c := range []struct {
		pass time.Duration
		want int
	}{{0, 1}, {0, 1}, {5 * time.Hour, 1}, {time.Hour, 2}, {-7 * time.Hour, 3}} {
		if now = now.Add(c.pass); used() != c.want {
			t.Errorf("after %v: %d tokens, want %d", c.pass, s.Tokens(), c.want)
		}
	}
}
