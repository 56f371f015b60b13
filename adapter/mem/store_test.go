package mem_test

import (
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/parleytest"
)

// handles returns the handles of three nodes on one store.
func handles[T any](s *mem.Store) (all []T) {
	for range 3 {
		all = append(all, any(s.Open()).(T))
	}
	return all
}

// opened is a handle that can be opened again.
type opened struct {
	*mem.Handle
	store *mem.Store
}

func TestStore(t *testing.T) {
	for name, projected := range map[string]bool{"derived in Append": false, "projected": true} {
		t.Run(name, func(t *testing.T) {
			open := func(s *mem.Store) (all []parleytest.Store) {
				for range 3 {
					all = append(all, opened{s.Open(), s})
				}
				return all
			}
			h := parleytest.StoreHarness{
				Open: func(_ *testing.T, clock func() time.Time) []parleytest.Store {
					return open(mem.NewStore(mem.StoreConfig{Clock: clock, Projected: projected}))
				},
				Reopen: func(t *testing.T, handles []parleytest.Store) []parleytest.Store {
					for _, h := range handles {
						if err := h.Close(); err != nil {
							t.Error(err)
						}
					}
					return open(handles[0].(opened).store)
				},
			}
			t.Run("Log", func(t *testing.T) { parleytest.RunLog(t, h) })
			t.Run("Index", func(t *testing.T) { parleytest.RunIndex(t, h) })
			t.Run("Roster", func(t *testing.T) { parleytest.RunRoster(t, h) })
			t.Run("Directory", func(t *testing.T) { parleytest.RunDirectory(t, h) })
			t.Run("Restore", func(t *testing.T) { parleytest.RunRestore(t, h) })
			t.Run("Revocations", func(t *testing.T) { parleytest.RunRevocations(t, h) })
		})
	}
}

func TestOutbox(t *testing.T) {
	parleytest.RunOutbox(t, func(*testing.T) []parley.Outbox { return handles[parley.Outbox](mem.NewStore(mem.StoreConfig{})) })
}

func TestTable(t *testing.T) {
	parleytest.RunTable(t, func(*testing.T) []parley.Table { return handles[parley.Table](mem.NewStore(mem.StoreConfig{})) })
}

func TestKeys(t *testing.T) {
	parleytest.RunKeys(t, func(*testing.T) []parley.Keys { return handles[parley.Keys](mem.NewStore(mem.StoreConfig{})) })
}

func TestOnce(t *testing.T) {
	parleytest.RunOnce(t, func(*testing.T) parleytest.OnceHarness {
		now := time.Unix(1_774_684_800, 0)
		return parleytest.OnceHarness{
			Stores: handles[parley.Once](mem.NewStore(mem.StoreConfig{Clock: func() time.Time { return now }})),
			Pass:   func(d time.Duration) { now = now.Add(d) },
		}
	})
}

func TestBus(t *testing.T) {
	parleytest.RunBus(t, func(*testing.T) parleytest.BusHarness {
		b := mem.NewBroker()
		return parleytest.BusHarness{Buses: []parley.Bus{b.Open(), b.Open(), b.Open()}, Break: b.Break}
	})
}
