package redis_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
)

// tryAll uses a Redis as store, bus and presence.
func tryAll(t *testing.T, cfg redis.Config) {
	t.Helper()
	b := buses(t, cfg)[0]
	got := make(chan parley.Envelope, 10)
	parleytest.StartBus(t, b, parleytest.Listener{OnDeliver: func(e parley.Envelope) { got <- e }})
	parleytest.Join(t, b, "room")
	parleytest.Publish(t, b, parley.Envelope{Channel: "room", Head: 7})
	if e := parleytest.Soon(t, "an envelope", got); e.Channel != "room" || e.Head != 7 {
		t.Errorf("delivered %+v", e)
	}
	s := openOne(t, cfg)
	post(t, s, "1", "@bob one")
	run, err := s.Read(t.Context(), "room", parley.Cursor{}, 10)
	if err != nil || len(run.Entries) != 1 || run.Entries[0].Text != "@bob one" {
		t.Errorf("read %+v, %v", run, err)
	}
	if first, err := s.First(t.Context(), "k", time.Minute); err != nil || !first {
		t.Error(first, err)
	}
	if err := s.PutUnfinished(t.Context(), "n", "room"); err != nil {
		t.Error(err)
	}
	if err := s.Revoke(t.Context(), "mallory", 5); err != nil {
		t.Error(err)
	}
	p, err := redis.OpenPresence(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Beat(t.Context(), parley.Beat{Node: "n", TTL: time.Minute, Changes: []parley.PresenceChange{
		{User: "alice", Channel: "room", Here: true, Since: 5, Transports: 1}}}); err != nil {
		t.Error(err)
	}
	if here, err := p.Here(t.Context(), "room", 10); err != nil || here.Count != 1 {
		t.Error(here, err)
	}
}

func TestTLSWithPassword(t *testing.T) {
	server := own(t, "--tls", "--password", "secret")
	ca := filepath.Join(server.Dir(), "tls", "ca.crt")
	tryAll(t, redis.Config{URL: server.URL(t) + "?ca=" + ca})
	for what, url := range map[string]string{
		"a certificate that nobody trusts":   server.URL(t),
		"a file of certificates that is not": server.URL(t) + "?ca=" + ca + ".not",
		"a file without a certificate":       server.URL(t) + "?ca=" + filepath.Join(server.Dir(), "tls", "server.key"),
		"a wrong password":                   strings.Replace(server.URL(t), "secret", "wrong", 1) + "?ca=" + ca,
		"no password":                        strings.Replace(server.URL(t), ":secret@", "", 1) + "?ca=" + ca,
		"no TLS":                             strings.Replace(server.URL(t), "rediss:", "redis:", 1),
	} {
		if s, err := redis.Open(t.Context(), redis.Config{URL: url}); err == nil {
			s.Close()
			t.Errorf("%s is taken", what)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: the error shows the password: %v", what, err)
		}
	}
}

// TestPrefix: systems that share a server have nothing in common but the server.
func TestPrefix(t *testing.T) {
	server := own(t)
	for _, prefix := range []string{"one:", "two:"} {
		tryAll(t, redis.Config{URL: server.URL(t) + "?prefix=" + prefix})
	}
	for key := range strings.FieldsSeq(cliOf(t, server.URL(t), "KEYS", "*")) {
		if !strings.HasPrefix(key, "one:") && !strings.HasPrefix(key, "two:") {
			t.Errorf("the key %s has no prefix", key)
		}
	}
}
