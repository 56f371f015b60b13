package redis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// TestCluster runs the suites on three masters, each with a third of the slots.
func TestCluster(t *testing.T) {
	server := testenv.NewService("redis", "--nodes", "3")
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	url := "redis://" + strings.Replace(strings.ReplaceAll(server.URL(t), ",", "&addr="), "&", "?", 1)
	in := func(t *testing.T) redis.Config {
		cfg := config(t)
		cfg.URL = url
		return cfg
	}
	h := harnessOf(in)
	t.Run("Log", func(t *testing.T) { parleytest.RunLog(t, h) })
	t.Run("Index", func(t *testing.T) { parleytest.RunIndex(t, h) })
	t.Run("Roster", func(t *testing.T) { parleytest.RunRoster(t, h) })
	t.Run("Directory", func(t *testing.T) { parleytest.RunDirectory(t, h) })
	t.Run("Keys", func(t *testing.T) {
		parleytest.RunKeys(t, func(t *testing.T) []parley.Keys { return storesOf[parley.Keys](t, in(t)) })
	})
	t.Run("Outbox", func(t *testing.T) {
		parleytest.RunOutbox(t, func(t *testing.T) []parley.Outbox { return storesOf[parley.Outbox](t, in(t)) })
	})
	t.Run("Table", func(t *testing.T) {
		parleytest.RunTable(t, func(t *testing.T) []parley.Table { return storesOf[parley.Table](t, in(t)) })
	})
	t.Run("Bus", func(t *testing.T) {
		parleytest.RunBus(t, func(t *testing.T) parleytest.BusHarness {
			cfg := in(t)
			return parleytest.BusHarness{Buses: buses(t, cfg), Break: func() {
				for addr := range strings.SplitSeq(server.URL(t), ",") {
					cliOf(t, "redis://"+addr, "CLIENT", "KILL", "TYPE", "pubsub")
				}
			}}
		})
	})
	t.Run("Presence", func(t *testing.T) {
		p, err := redis.OpenPresence(t.Context(), in(t))
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		l, err := p.Beat(t.Context(), parley.Beat{Node: "n", TTL: time.Minute, Changes: []parley.PresenceChange{
			{User: "alice", Here: true}, {User: "alice", Channel: "room", Here: true, Since: 5, Transports: 1}}})
		if err != nil || len(l.Elsewhere) != 2 {
			t.Fatal(l, err)
		}
		if here, err := p.Here(t.Context(), "room", 10); err != nil || here.Count != 1 || len(here.Users) != 1 {
			t.Error(here, err)
		}
	})
}
