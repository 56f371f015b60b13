package parleytest

import (
	"context"
	"crypto/sha256"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// RunKeys tests every sentence of the contract of parley.Keys. open returns handles of one empty
// store, one for each of several nodes.
func RunKeys(t *testing.T, open func(t *testing.T) []parley.Keys) {
	for name, test := range map[string]func(*testing.T, []parley.Keys){
		"keys are kept, listed and removed":            testKeysKept,
		"of several with one name at once one is kept": testKeysTogether,
		"an ended context is an error":                 testKeysContext,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func apiKey(name, key string) parley.Key {
	return parley.Key{Name: name, Hash: sha256.Sum256([]byte(key)), Created: 1_774_684_800_000_000}
}

func testKeysKept(t *testing.T, handles []parley.Keys) {
	turn := 0
	next := func() parley.Keys { turn++; return handles[turn%len(handles)] }
	list := func(want ...parley.Key) {
		t.Helper()
		for range handles {
			if got, err := next().ListKeys(t.Context()); err != nil || len(got) != len(want) ||
				len(want) > 0 && !reflect.DeepEqual(got, want) {
				t.Fatalf("the keys are %+v, %v; want %+v", got, err, want)
			}
		}
	}
	put := func(k parley.Key, want bool) {
		t.Helper()
		if created, err := next().PutKey(t.Context(), k); err != nil || created != want {
			t.Fatalf("put %s: %v, %v", k.Name, created, err)
		}
	}
	remove := func(name string, want bool) {
		t.Helper()
		if removed, err := next().RemoveKey(t.Context(), name); err != nil || removed != want {
			t.Fatalf("remove %s: %v, %v", name, removed, err)
		}
	}
	list()
	remove("billing", false)
	one, other := apiKey("shop é", "1"), apiKey("billing", "2")
	put(one, true)
	put(other, true)
	put(apiKey("billing", "3"), false)
	list(other, one)
	remove("billing", true)
	remove("billing", false)
	list(one)
	put(apiKey("billing", "3"), true)
	list(apiKey("billing", "3"), one)
}

func testKeysTogether(t *testing.T, handles []parley.Keys) {
	const n = 20
	var created atomic.Int64
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			h := handles[i%len(handles)]
			first, err := h.PutKey(t.Context(), apiKey("same", fmt.Sprint(i)))
			if err != nil {
				t.Error(err)
			}
			if first {
				created.Add(1)
			}
			if own, err := h.PutKey(t.Context(), apiKey(fmt.Sprintf("own %02d", i), fmt.Sprint(i))); err != nil || !own {
				t.Error(own, err)
			}
		})
	}
	wait.Wait()
	if got := created.Load(); got != 1 {
		t.Errorf("%d of %d keys with one name were created", got, n)
	}
	if all, err := handles[0].ListKeys(t.Context()); err != nil || len(all) != n+1 {
		t.Errorf("%d keys are kept, %v; want %d", len(all), err, n+1)
	}
}

func testKeysContext(t *testing.T, handles []parley.Keys) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := handles[0].PutKey(ctx, apiKey("x", "y")); err == nil {
		t.Error("a key without time was kept")
	}
	if _, err := handles[0].RemoveKey(ctx, "x"); err == nil {
		t.Error("a key without time was removed")
	}
}

// OnceHarness holds handles of an empty store, one for each of several nodes, and a way to advance its
// clock.
type OnceHarness struct {
	Stores []parley.Once
	Pass   func(d time.Duration)
}

// RunOnce tests every sentence of the contract of parley.Once. open is called once for each test.
func RunOnce(t *testing.T, open func(t *testing.T) OnceHarness) {
	t.Run("one of all is the first, until the time is over", func(t *testing.T) {
		h := open(t)
		const ttl = 2 * time.Second
		round := func(key string, want int64) {
			t.Helper()
			var firsts atomic.Int64
			var wait sync.WaitGroup
			for i := range 4 * len(h.Stores) {
				wait.Go(func() {
					first, err := h.Stores[i%len(h.Stores)].First(t.Context(), key, ttl)
					if err != nil {
						t.Error(err)
					}
					if first {
						firsts.Add(1)
					}
				})
			}
			wait.Wait()
			if got := firsts.Load(); got != want {
				t.Errorf("%d were the first of %q, want %d", got, key, want)
			}
		}
		round("a", 1)
		round("a", 0)
		round("a\x00", 1)
		round("", 1)
		h.Pass(ttl / 2)
		round("b", 1)
		round("a", 0)
		h.Pass(ttl * 3 / 4)
		round("a", 1) // the time of the first had passed
		round("b", 0)
	})
	t.Run("many keys do not disturb each other", func(t *testing.T) {
		h := open(t)
		for round, want := range []bool{true, false} {
			for i := range 3000 {
				if first, err := h.Stores[i%len(h.Stores)].First(t.Context(), fmt.Sprint(i), time.Minute); err != nil || first != want {
					t.Fatalf("round %d, key %d: %v, %v", round, i, first, err)
				}
			}
		}
	})
	t.Run("an ended context is an error", func(t *testing.T) {
		h := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if first, err := h.Stores[0].First(ctx, "k", time.Minute); err == nil || first {
			t.Errorf("%v, %v", first, err)
		}
	})
}
