package parleytest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"parley"
)

// RunOpenLists tests every sentence of the contract of parley.OpenLists. open returns handles of one empty
// store, as several nodes have them.
func RunOpenLists(t *testing.T, open func(t *testing.T) []parley.OpenLists) {
	t.Run("channels are added, listed and removed", func(t *testing.T) {
		handles, turn := open(t), 0
		next := func() parley.OpenLists { turn++; return handles[turn%len(handles)] }
		check := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		list := func(node string, want ...parley.ChannelID) {
			t.Helper()
			for _, limit := range []int{1, 2, 100} {
				var got []parley.ChannelID
				for after := parley.ChannelID(""); ; {
					some, err := next().OpenList(t.Context(), node, after, limit)
					if err != nil || len(some) > limit {
						t.Fatalf("%d channels, %v", len(some), err)
					}
					if len(some) == 0 {
						break
					}
					got, after = append(got, some...), some[len(some)-1]
				}
				if !slices.Equal(got, want) {
					t.Errorf("in pages of %d the list of %s is %v, want %v", limit, node, got, want)
				}
			}
		}
		nodes := func(want ...string) {
			t.Helper()
			if got, err := next().OpenNodes(t.Context()); err != nil || !slices.Equal(got, want) {
				t.Errorf("the nodes are %v, %v; want %v", got, err, want)
			}
		}
		nodes()
		list("n1")
		check(next().RemoveOpen(t.Context(), "n1", "a"))
		check(next().AddOpen(t.Context(), "n1"))
		nodes()
		check(next().AddOpen(t.Context(), "n1", "b", "a:", "a"))
		check(next().AddOpen(t.Context(), "n2", "a"))
		check(next().AddOpen(t.Context(), "n1", "b", "c"))
		list("n1", "a", "a:", "b", "c")
		list("n2", "a")
		list("n")
		nodes("n1", "n2")
		check(next().RemoveOpen(t.Context(), "n1", "a", "c", "x"))
		list("n1", "a:", "b")
		list("n2", "a")
		check(next().RemoveOpen(t.Context(), "n2", "a"))
		check(next().RemoveOpen(t.Context(), "n2", "a"))
		nodes("n1")
	})
	t.Run("many add and remove at once", func(t *testing.T) {
		handles := open(t)
		var wait sync.WaitGroup
		for i := range 40 {
			wait.Go(func() {
				h, channel := handles[i%len(handles)], parley.ChannelID(fmt.Sprintf("c%02d", i))
				err := h.AddOpen(t.Context(), "n", channel)
				if err == nil && i%2 == 1 {
					err = h.RemoveOpen(t.Context(), "n", channel)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if got, err := handles[0].OpenList(t.Context(), "n", "", 100); err != nil || len(got) != 20 {
			t.Errorf("%d channels are left, %v: %v", len(got), err, got)
		}
	})
}
