package redis

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/parley-server/parley"
)

func TestTurns(t *testing.T) {
	ts := turns{of: map[parley.ChannelID][]chan struct{}{}}
	ended, end := context.WithCancel(t.Context())
	end()
	n := 0 // guarded by the turns alone
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for range 200 {
				if err := ts.take(t.Context(), "c"); err != nil {
					t.Error(err)
				}
				n++
				if err := ts.take(ended, "c"); !errors.Is(err, context.Canceled) {
					t.Errorf("somebody else's turn was taken: %v", err)
				}
				ts.give("c")
				if ts.take(ended, "c") == nil { // it is free, or the wait is over at once
					n++
					n--
					ts.give("c")
				}
			}
		})
	}
	wait.Wait()
	if n != 20*200 || len(ts.of) != 0 {
		t.Errorf("%d turns, and %v is left", n, ts.of)
	}
}
