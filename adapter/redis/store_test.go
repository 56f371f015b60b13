package redis_test

import (
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/redis"
	"github.com/parley-server/parley/parleytest"
)

// opened is a handle that can be opened again.
type opened struct {
	*redis.Store
	cfg redis.Config
}

func open(t *testing.T, cfg redis.Config) (all []parleytest.Store) {
	t.Helper()
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
		all = append(all, &opened{s, cfg})
	}
	return all
}

func harness() parleytest.StoreHarness { return harnessOf(config) }

func harnessOf(config func(t *testing.T) redis.Config) parleytest.StoreHarness {
	return parleytest.StoreHarness{
		Open: func(t *testing.T, clock func() time.Time) []parleytest.Store {
			cfg := config(t)
			cfg.Clock = clock
			return open(t, cfg)
		},
		Reopen: func(t *testing.T, handles []parleytest.Store) []parleytest.Store {
			for _, h := range handles {
				if err := h.Close(); err != nil {
					t.Error(err)
				}
			}
			return open(t, handles[0].(*opened).cfg)
		},
	}
}

func TestLog(t *testing.T)         { parleytest.RunLog(t, harness()) }
func TestIndex(t *testing.T)       { parleytest.RunIndex(t, harness()) }
func TestRoster(t *testing.T)      { parleytest.RunRoster(t, harness()) }
func TestDirectory(t *testing.T)   { parleytest.RunDirectory(t, harness()) }
func TestRestore(t *testing.T)     { parleytest.RunRestore(t, harness()) }
func TestRevocations(t *testing.T) { parleytest.RunRevocations(t, harness()) }

var _ parley.Store = (*redis.Store)(nil)
