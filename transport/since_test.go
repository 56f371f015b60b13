package transport

import (
	"testing"
	"time"
)

// A tick's time may be earlier than the last activity of a client: then the client was
// active just now, and not 49 days ago.
func TestActivityAfterATickIsNotSilence(t *testing.T) {
	for _, c := range []struct {
		now, then uint32
		want      time.Duration
	}{
		{7, 5, 2 * time.Millisecond}, {5, 5, 0}, {5, 7, 0}, {1 << 31, 1<<31 + 90_000, 0},
		{3, 1<<32 - 2, 5 * time.Millisecond}, {1<<32 - 2, 3, 0}, {90_000, 0, 90 * time.Second},
	} {
		if got := since(c.now, c.then); got != c.want {
			t.Errorf("from %d to %d: %v, want %v", c.then, c.now, got, c.want)
		}
	}
}
