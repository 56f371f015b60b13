package together_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/parley-server/parley/internal/together"
)

func TestEachItemIsCalledOnce(t *testing.T) {
	for _, n := range []int{0, 1, 2, 64, 65, 1000} {
		calls := make([]atomic.Int32, n)
		together.Do(n, func(i int) { calls[i].Add(1) })
		for i := range calls {
			if c := calls[i].Load(); c != 1 {
				t.Errorf("of %d, item %d was called %d times", n, i, c)
			}
		}
	}
}

func TestCallsOverlapWithinTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int32
		hold := make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() { together.Do(1000, func(int) { running.Add(1); <-hold }) })
		synctest.Wait()
		if n := running.Load(); n != 64 {
			t.Errorf("%d calls at a time, want 64", n)
		}
		close(hold)
		done.Wait()
		if n := running.Load(); n != 1000 {
			t.Errorf("%d calls in all", n)
		}
	})
}
