package apns_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/apns"
	"github.com/parley-server/parley/parleytest"
)

func config(s *parleytest.APNs) apns.Config {
	return apns.Config{KeyFile: s.KeyFile, KeyID: s.KeyID, TeamID: s.TeamID, Topic: s.Topic, URL: s.URL, Client: s.Client}
}

func open(t testing.TB, cfg apns.Config) *apns.Notifier {
	t.Helper()
	n, err := apns.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestNotifier(t *testing.T) {
	parleytest.RunNotifier(t, func(t *testing.T) parleytest.NotifierHarness {
		s := parleytest.NewAPNs(t)
		return parleytest.NotifierHarness{Notifier: open(t, config(s)), Service: s, Cuts: true}
	})
}

// clock is a clock that the test sets.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func send(t *testing.T, n *apns.Notifier, d parley.Device) error {
	t.Helper()
	return n.Notify(t.Context(), d, parley.Notification{Channel: "c", ID: 1, Title: "t", Body: "b", Collapse: "x"})
}

func TestTheProviderTokenIsSharedAndRenewed(t *testing.T) {
	s := parleytest.NewAPNs(t)
	c := &clock{at: time.Now().Add(-50 * time.Minute)} // the service compares with its own clock
	cfg := config(s)
	cfg.Now = c.now
	n, d := open(t, cfg), s.Device(t)
	sendOnce := func(want int) {
		t.Helper()
		if err := send(t, n, d); err != nil || s.ProviderTokens() != want {
			t.Fatalf("%v; %d tokens, want %d", err, s.ProviderTokens(), want)
		}
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := send(t, n, d); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	sendOnce(1)
	c.pass(49 * time.Minute)
	sendOnce(1)
	c.pass(time.Minute)
	sendOnce(2)
	c.pass(-30 * time.Second) // as when a clock is adjusted
	sendOnce(2)
	c.pass(-10 * time.Minute)
	sendOnce(3)
}

func TestAnExpiredProviderTokenIsRenewedOnce(t *testing.T) {
	s := parleytest.NewAPNs(t)
	c := &clock{at: time.Now().Add(-50 * time.Minute)}
	cfg := config(s)
	cfg.Now = c.now
	n, d := open(t, cfg), s.Device(t)
	if err := send(t, n, d); err != nil {
		t.Fatal(err)
	}
	s.Expire()
	var wait sync.WaitGroup
	for range 16 { // all are refused, and one renews
		wait.Go(func() {
			if err := send(t, n, d); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if got := s.ProviderTokens(); got != 2 {
		t.Fatalf("%d tokens", got)
	}
	s.Expire() // again, though Apple allows a new token only every 20 minutes
	c.pass(19 * time.Minute)
	for range 3 {
		if err := send(t, n, d); !errors.Is(err, parley.ErrCredentials) {
			t.Fatal(err)
		}
	}
	if got := s.ProviderTokens(); got != 2 {
		t.Fatalf("%d tokens", got)
	}
	c.pass(time.Minute)
	if err := send(t, n, d); err != nil || s.ProviderTokens() != 3 {
		t.Fatalf("%v; %d tokens", err, s.ProviderTokens())
	}
}

func TestADeviceThatTheServiceDoesNotKnowIsGone(t *testing.T) {
	s := parleytest.NewAPNs(t)
	n := open(t, config(s))
	for _, token := range []string{"", "unknown", "../../x?y#z", strings.Repeat("ab", 2048), "é\n"} {
		d := parley.Device{Token: token}
		if err := send(t, n, d); !errors.Is(err, parley.ErrGone) {
			t.Errorf("%q: %v", token, err)
		}
	}
}

// What is wrong with the settings is said at the start, with what to do.
func TestSettingsThatAreWrong(t *testing.T) {
	s := parleytest.NewAPNs(t)
	write := func(kind string, b []byte) string {
		file := filepath.Join(t.TempDir(), "key.p8")
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := x509.MarshalPKCS8PrivateKey(other)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&other.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*apns.Config){
		"key file (.p8)":  func(c *apns.Config) { c.KeyFile = "" },
		"key ID":          func(c *apns.Config) { c.KeyID = "" },
		"team ID":         func(c *apns.Config) { c.TeamID = "" },
		"bundle ID":       func(c *apns.Config) { c.Topic = "" },
		"URL":             func(c *apns.Config) { c.URL = "api.push.apple.com" },
		"no such file":    func(c *apns.Config) { c.KeyFile += ".gone" },
		"no PEM block":    func(c *apns.Config) { c.KeyFile = "apns_test.go" },
		"P-256: use":      func(c *apns.Config) { c.KeyFile = write("PRIVATE KEY", p384) },
		"authentication ": func(c *apns.Config) { c.KeyFile = write("PUBLIC KEY", public) },
	} {
		cfg := config(s)
		change(&cfg)
		if _, err := apns.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(good)
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(s)
	cfg.KeyFile = write("EC PRIVATE KEY", sec1) // what openssl makes of the file
	open(t, cfg)
}
