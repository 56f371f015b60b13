package presence_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

// What a node stores for a connection with a unique user and channel, besides the
// names, which the connection stores anyway. docs/ARCHITECTURE.md lists the parts.
func TestAConnectionCostsLittle(t *testing.T) {
	for _, n := range []int{15_000, 100_000} {
		users, channels := make([]parley.UserID, n), make([]parley.ChannelID, n)
		for i := range n {
			users[i], channels[i] = parley.UserID(fmt.Sprint("user-", i)), parley.ChannelID(fmt.Sprint("channel-", i))
		}
		now := time.Now()
		before := heap()
		tr := presence.New(presence.Config{}, now)
		for i := range n {
			tr.Enter("", users[i], "", parley.TransportWebSocket, now)
			tr.Enter(channels[i], users[i], "", parley.TransportWebSocket, now)
		}
		each := float64(heap()-before) / float64(n)
		t.Logf("%d connections: %.1f bytes each", n, each)
		if each > 92 {
			t.Errorf("%d connections: %.1f bytes each", n, each)
		}
		for i := range n {
			tr.Leave("", users[i], "", parley.TransportWebSocket, now)
			tr.Leave(channels[i], users[i], "", parley.TransportWebSocket, now)
		}
		for range 2 * n {
			tr.Next(now.Add(time.Minute))
		}
		if left := heap() - before; tr.Users() != 0 || left > 64<<10+int64(n) {
			t.Errorf("%d connections: %d users and %d bytes when all have gone", n, tr.Users(), left)
		}
		runtime.KeepAlive(users)
		runtime.KeepAlive(channels)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
