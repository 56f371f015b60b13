package cassandra_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/cassandra"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
)

// server is the Cassandra of all tests here.
var server = testenv.NewService("cassandra", "--heap", "768")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// keyspaces are those that no test uses, empty. A table takes Cassandra long to create, and memory.
var keyspaces struct {
	mu   sync.Mutex
	free map[int64][]string // by the size of their buckets
	made int
}

// config is that of a system that nobody has used. Its buckets are small, so that every suite crosses borders.
func config(t testing.TB) cassandra.Config { return configOf(t, testBucket) }

// configOf is config with buckets of a size, which a keyspace keeps for good.
func configOf(t testing.TB, bucket int64) cassandra.Config {
	t.Helper()
	at := server.URL(t)
	k := &keyspaces
	k.mu.Lock()
	name := ""
	if free := k.free[bucket]; len(free) > 0 {
		name, k.free[bucket] = free[len(free)-1], free[:len(free)-1]
	} else {
		k.made++
		name = fmt.Sprintf("t%d", k.made)
	}
	k.mu.Unlock()
	cfg := cassandra.Config{URL: "cassandra://" + at + "/" + name, Bucket: bucket}
	if _, err := cassandra.Init(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		empty(t, at, name)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.free == nil {
			k.free = map[int64][]string{}
		}
		k.free[bucket] = append(k.free[bucket], name)
	})
	return cfg
}

// empty removes what is in a keyspace.
func empty(t testing.TB, at, name string) {
	c := gocql.NewCluster(at)
	c.Keyspace, c.Timeout = name, 20*time.Second
	s, err := c.CreateSession()
	if err != nil {
		t.Error(err)
		return
	}
	defer s.Close()
	rows := s.Query(`SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?`, name).Iter()
	for table := ""; rows.Scan(&table); {
		if table == "parley_schema" {
			continue
		}
		if err := s.Query(`TRUNCATE ` + table).Exec(); err != nil { // also what is deleted: it would hide what is written with a smaller id
			t.Error(err)
		}
	}
	if err := rows.Close(); err != nil {
		t.Error(err)
	}
}

// opened is a handle that can be opened again.
type opened struct {
	*cassandra.Store
	cfg cassandra.Config
}

func open(t *testing.T, cfg cassandra.Config, n int) (all []*opened) {
	t.Helper()
	for range n {
		s, err := cassandra.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, &opened{s, cfg})
	}
	return all
}

func handles[T any](t *testing.T, cfg cassandra.Config) (all []T) {
	for _, s := range open(t, cfg, 3) {
		all = append(all, any(s).(T))
	}
	return all
}

// harness is one whose handles trim by themselves, or when they are asked to.
func harness(trims bool) parleytest.StoreHarness {
	prepare := func(t *testing.T, cfg cassandra.Config) []parleytest.Store {
		all := handles[parleytest.Store](t, cfg)
		if trims {
			for _, s := range all {
				runs(t, s.(*opened).Store)
			}
		}
		return all
	}
	h := parleytest.StoreHarness{
		Slow: true,
		Open: func(t *testing.T, clock func() time.Time) []parleytest.Store {
			cfg := config(t)
			cfg.Clock, cfg.SweepEvery = clock, 20*time.Millisecond
			return prepare(t, cfg)
		},
		Reopen: func(t *testing.T, handles []parleytest.Store) []parleytest.Store {
			for _, h := range handles {
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
			return prepare(t, handles[0].(*opened).cfg)
		},
	}
	if !trims {
		h.Trim = func(t *testing.T, s parleytest.Store) {
			if err := s.(*opened).Trim(t.Context(), "room"); err != nil {
				t.Error(err)
			}
		}
	}
	return h
}

// runs runs a store until the test ends.
func runs(t *testing.T, s *cassandra.Store) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

func TestLog(t *testing.T)         { parleytest.RunLog(t, harness(false)) }
func TestIndex(t *testing.T)       { parleytest.RunIndex(t, harness(false)) }
func TestRoster(t *testing.T)      { parleytest.RunRoster(t, harness(false)) }
func TestDirectory(t *testing.T)   { parleytest.RunDirectory(t, harness(true)) }
func TestRestore(t *testing.T)     { parleytest.RunRestore(t, harness(false)) }
func TestRevocations(t *testing.T) { parleytest.RunRevocations(t, harness(false)) }

func TestOutbox(t *testing.T) {
	parleytest.RunOutbox(t, func(t *testing.T) []parley.Outbox { return handles[parley.Outbox](t, config(t)) })
}

func TestTable(t *testing.T) {
	parleytest.RunTable(t, func(t *testing.T) []parley.Table { return handles[parley.Table](t, config(t)) })
}

func TestKeys(t *testing.T) {
	parleytest.RunKeys(t, func(t *testing.T) []parley.Keys { return handles[parley.Keys](t, config(t)) })
}

func TestOnce(t *testing.T) {
	parleytest.RunOnce(t, func(t *testing.T) parleytest.OnceHarness {
		h := parleytest.OnceHarness{Pass: func(d time.Duration) { time.Sleep(slowly * d) }}
		for _, s := range open(t, config(t), 3) {
			h.Stores = append(h.Stores, slow{s})
		}
		return h
	})
}

// slow is a store for which time passes slowly: Cassandra counts whole seconds.
type slow struct{ parley.Once }

const slowly = 4

func (s slow) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	return s.Once.First(ctx, key, slowly*ttl)
}
