package feed

import (
	"math/rand/v2"
	"testing"
)

// Each number is new once, in whatever order numbers arrive, if it is not too old.
func TestWindowRecordsNumbers(t *testing.T) {
	var w window
	seen := map[uint64]bool{}
	for i := range 100_000 {
		n := uint64(i/2 + 1 + rand.IntN(windowSize-10))
		if got := w.add(n); got == seen[n] && w.top-n < windowSize {
			t.Fatalf("%d, seen %t, is new: %t", n, seen[n], got)
		}
		seen[n] = true
	}
	if w.add(w.top - windowSize) {
		t.Error("one that is too old is new")
	}
	if !w.add(w.top+1000) || !w.add(w.top-1) || w.add(w.top) {
		t.Error("one far ahead is not new")
	}
}
