package apns_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/parleytest"
)

// How many notifications a second one process sends to a server on this machine, from 64 goroutines; the server's work, which
// includes a signature to check for each, is in it.
func BenchmarkNotify(b *testing.B) {
	s := parleytest.NewAPNs(b)
	n, d := open(b, config(s)), s.Device(b)
	note := parley.Notification{Channel: "general", Title: "alice in general", Body: "hello", Badge: 3, ID: 42, Collapse: "Zk0x9QmJ4tYbWc"}
	var next atomic.Int64
	var wait sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for range 64 {
		wait.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := n.Notify(b.Context(), d, note); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pushes/s")
	b.ReportMetric(float64(s.Connections()), "connections")
}
