package parleytest_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/chat"
	"github.com/parley-server/parley/testenv"
)

// parts are one node's connections to what all nodes of a cluster share.
type parts struct {
	store    chat.Store
	index    parley.Index
	outbox   parley.Outbox
	presence parley.Presence
	once     parley.Once
	bus      parley.Bus
	handle   *mem.Handle // which tests make fail; nil: the store is not in memory
	run      func(context.Context) error
}

// opener opens an empty store, a bus and presence for some nodes.
type opener func(t *testing.T, nodes int) []parts

// sharedStores are the stores that a cluster may use.
var sharedStores = map[string]opener{
	"memory":            inMemory(nil),
	"memory, projected": inMemory(&mem.StoreConfig{Projected: true}),
	"redis":             overRedis,
}

func inMemory(cfg *mem.StoreConfig) opener {
	if cfg == nil {
		cfg = &mem.StoreConfig{}
	}
	return func(t *testing.T, nodes int) []parts { return over(mem.NewStore(*cfg))(t, nodes) }
}

// over returns an opener of a given store in memory.
func over(store *mem.Store) opener {
	return func(_ *testing.T, nodes int) (all []parts) {
		broker := mem.NewBroker()
		for range nodes {
			h := store.Open()
			all = append(all, parts{store: h, index: h, presence: h, once: h, bus: broker.Open(), handle: h,
				run: func(context.Context) error { return nil }})
		}
		return all
	}
}

// redisServer is the Redis of all clusters here; each has a separate prefix.
var (
	redisServer  = testenv.NewService("redis")
	redisSystems atomic.Int64
)

func TestMain(m *testing.M) {
	code := testenv.Main(m)
	if err := redisServer.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func overRedis(t *testing.T, nodes int) (all []parts) {
	t.Helper()
	cfg := redis.Config{URL: redisServer.URL(t), Prefix: fmt.Sprintf("c%d:", redisSystems.Add(1))}
	for range nodes {
		s, err := redis.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		p, err := redis.OpenPresence(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		bus, err := redis.NewBus(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, parts{store: s, index: s, outbox: s, presence: p, once: s, bus: bus, run: s.Run})
	}
	return all
}
