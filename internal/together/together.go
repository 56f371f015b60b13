// Package together calls a function for several items at the same time.
package together

import (
	"sync"
	"sync/atomic"
)

// most is how many calls of one Do run at a time: enough for reads of a store, which wait for its answers.
const most = 64

// Do calls f for each of 0…n-1, several at a time and in any order, and returns when all have returned. One of them runs in the
// calling goroutine.
func Do(n int, f func(i int)) {
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
			f(i)
		}
	}
	var others sync.WaitGroup
	for range min(n, most) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
}
