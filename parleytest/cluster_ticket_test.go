package parleytest_test

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/parleytest"
)

func (m *member) status(t *testing.T, method, path string, into any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, m.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if into != nil {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return resp.StatusCode
}

// A ticket works once in the whole cluster; while the store does not respond it works nowhere.
func TestATicketWorksOnceInTheCluster(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"memory", "redis"} {
		t.Run("over "+over, func(t *testing.T) { ticketWorksOnce(t, sharedStores[over]) })
	}
}

func ticketWorksOnce(t *testing.T, open opener) {
	t.Parallel()
	c := newCluster(t, 3, open, parleytest.BusFaults{Lose: 1})
	ticket := func() string {
		var made struct{ Ticket string }
		if status := c.members[0].status(t, "POST", "/api/tickets?user=alice", &made); status != 200 {
			t.Fatal(status)
		}
		return "/api/messages?channel_id=room&ticket=" + made.Ticket
	}
	for range 10 {
		path := ticket()
		var good, refused atomic.Int32
		var all sync.WaitGroup
		for _, m := range c.members {
			all.Go(func() {
				switch status := m.status(t, "GET", path, nil); status {
				case 200:
					good.Add(1)
				case 401:
					refused.Add(1)
				default:
					t.Errorf("status %d", status)
				}
			})
		}
		if all.Wait(); good.Load() != 1 || refused.Load() != 2 {
			t.Fatalf("it was good %d times", good.Load())
		}
	}
	if c.members[1].handle == nil {
		return
	}
	path := ticket()
	c.members[1].handle.Fail(mem.Refused, mem.Refused, mem.Refused, mem.Refused) // a beat may use up some
	var e struct{ Code string }
	if status := c.members[1].status(t, "GET", path, &e); status != 503 || e.Code != "unavailable" {
		t.Errorf("while the store is away: %d %s", status, e.Code)
	}
	if status := c.members[2].status(t, "GET", path, nil); status != 200 {
		t.Errorf("and then: %d", status)
	}
}
