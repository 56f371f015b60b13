package redis_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// server is the Redis of all tests here; each has its own prefix.
var server = testenv.NewService("redis")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var systems atomic.Int64

// config is that of a system that nobody has used.
func config(t *testing.T) redis.Config {
	return redis.Config{URL: server.URL(t), Prefix: fmt.Sprintf("t%d:", systems.Add(1))}
}

// stores are three nodes' ways into an empty store.
func stores[T any](t *testing.T) (all []T) { return storesOf[T](t, config(t)) }

func storesOf[T any](t *testing.T, cfg redis.Config) (all []T) {
	for range 3 {
		s, err := redis.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, any(s).(T))
	}
	return all
}

// cli calls redis-cli.
func cli(t *testing.T, args ...string) string {
	t.Helper()
	return cliOf(t, server.URL(t), args...)
}

func cliOf(t testing.TB, at string, args ...string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(
		context.Background(),
		"redis-cli",
		append([]string{"-h", host, "-p", port}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func TestOnce(t *testing.T) {
	parleytest.RunOnce(t, func(t *testing.T) parleytest.OnceHarness {
		return parleytest.OnceHarness{Stores: stores[parley.Once](t), Pass: time.Sleep}
	})
}

func TestKeys(t *testing.T) { parleytest.RunKeys(t, stores[parley.Keys]) }

func TestOutbox(t *testing.T) { parleytest.RunOutbox(t, stores[parley.Outbox]) }

func TestTable(t *testing.T) { parleytest.RunTable(t, stores[parley.Table]) }

func TestPresence(t *testing.T) {
	parleytest.RunPresence(t, func(t *testing.T) parleytest.PresenceHarness {
		cfg := config(t)
		h := parleytest.PresenceHarness{Pass: time.Sleep}
		for range 3 {
			p, err := redis.OpenPresence(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
			h.Stores = append(h.Stores, p)
		}
		return h
	})
}

func TestStoreThatEvictsKeysIsRefused(t *testing.T) {
	url := testenv.Service(t, "redis", "--maxmemory", "64mb")
	cfg := redis.Config{URL: url}
	s, err := redis.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	cliOf(t, url, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	if s, err := redis.Open(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("opened %v, %v", s, err)
	}
	if p, err := redis.OpenPresence(t.Context(), cfg); err == nil {
		t.Errorf("opened %v", p)
	}
}
