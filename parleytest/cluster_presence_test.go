package parleytest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	client "github.com/parley-server/parley/client/go"
	"github.com/parley-server/parley/parleytest"
)

// open opens a stream of a user on a node, which ends when leave is called or the test ends.
func (m *member) open(t *testing.T, user string, via client.Transport, channel string, each func(client.Event)) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := parleytest.NewClient(m.url, user).Open(ctx, via, channel, client.Position{})
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.Next(ctx); err != nil || e.Welcome == nil {
		t.Fatalf("%+v, %v", e, err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		defer s.Close()
		for {
			e, err := s.Next(ctx)
			if err != nil {
				return
			}
			each(e)
		}
	})
	leave = sync.OnceFunc(func() { cancel(); reading.Wait() })
	t.Cleanup(leave)
	return leave
}

// witness records what a stream receives about who joins and leaves.
type witness struct {
	mu    sync.Mutex
	told  []string
	count int // the last one received
}

func (w *witness) counted() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *witness) note(e client.Event) {
	var f struct {
		Type, User   string
		Joined, Left []string
		Count        int
	}
	if json.Unmarshal(e.Raw, &f) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch f.Type {
	case "user-joined":
		w.told = append(w.told, "+"+f.User)
	case "user-left":
		w.told = append(w.told, "-"+f.User)
	case "presence":
		w.count = f.Count
		for _, u := range f.Joined {
			w.told = append(w.told, "+"+u)
		}
		for _, u := range f.Left {
			w.told = append(w.told, "-"+u)
		}
	}
}

// of returns what was received about some users, in order.
func (w *witness) of(users ...string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := []string{}
	for _, one := range w.told {
		if slices.Contains(users, one[1:]) {
			all = append(all, one)
		}
	}
	return fmt.Sprint(all)
}

// knowEachOther waits until the nodes know of each other.
func (c *cluster) knowEachOther(t *testing.T) {
	t.Helper()
	for _, m := range c.members {
		until(t, "the nodes know of each other", func() bool {
			here, err := m.chat.Here(t.Context(), access.Caller{User: "keeper0", As: access.Developer}, "lobby", 10)
			return err == nil && here.Count == len(c.members)
		})
	}
}

func TestAUserOnTwoNodesJoinsOnceAndLeavesOnce(t *testing.T) {
	for name, faults := range map[string]parleytest.BusFaults{"healthy": {}, "repeats": {Repeat: 0.5, Delay: 10 * time.Millisecond}} {
		for _, over := range []string{"memory", "redis"} {
			t.Run(name+", over "+over, func(t *testing.T) {
				t.Parallel()
				c := newCluster(t, 3, sharedStores[over], faults)
				witnesses := make([]witness, len(c.members))
				for i, m := range c.members {
					m.open(t, fmt.Sprint("keeper", i), client.SSE, "lobby", func(client.Event) {})
					m.open(t, fmt.Sprint("witness", i), []client.Transport{client.WebSocket, client.SSE}[i%2], "room", witnesses[i].note)
				}
				c.knowEachOther(t)
				all := func(want string) {
					t.Helper()
					for i := range witnesses {
						until(t, fmt.Sprint("witness ", i, " has ", want), func() bool { return witnesses[i].of("alice", "bob") == want })
					}
				}
				quiet := func(_ client.Event) {}
				first := c.members[0].open(t, "alice", client.WebSocket, "room", quiet)
				all("[+alice]")
				second := c.members[1].open(t, "alice", client.SSE, "room", quiet)
				first()
				third := c.members[2].open(t, "alice", client.LongPoll, "room", quiet)
				c.members[2].open(t, "bob", client.WebSocket, "room", quiet)
				all("[+alice +bob]")
				second()
				fourth := c.members[0].open(t, "alice", client.WebSocket, "room", quiet)
				third()
				until(t, "the others have gone", func() bool {
					here, err := c.members[1].presence.Here(t.Context(), "room", 10)
					if err != nil || len(here.Users) != 5 {
						return false
					}
					return here.Users[0].User == "alice" && here.Users[0].Transports == parley.Transports(0).With(parley.TransportWebSocket)
				})
				fourth()
				all("[+alice +bob -alice]")
			})
		}
	}
}

// A watcher of a user is notified of what happens on other nodes.
func TestWatchersOnAllNodesAreNotified(t *testing.T) {
	t.Parallel()
	for _, over := range []string{"memory", "redis"} {
		t.Run("over "+over, func(t *testing.T) { watchedUser(t, sharedStores[over]) })
	}
}

func watchedUser(t *testing.T, open opener) {
	t.Parallel()
	c := newCluster(t, 2, open, parleytest.BusFaults{Lose: 0.2, Repeat: 0.2, Delay: 10 * time.Millisecond})
	for i, m := range c.members {
		m.open(t, fmt.Sprint("keeper", i), client.SSE, "lobby", func(client.Event) {})
	}
	c.knowEachOther(t)
	s, err := parleytest.NewClient(c.members[1].url, "watcher").Dial(t.Context(), "other", client.Position{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.CloseNow()
	if err := s.SendRaw(t.Context(), []byte(`{"type":"watch","users":["alice"]}`)); err != nil {
		t.Fatal(err)
	}
	next := func(online bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		for {
			e, err := s.Receive(ctx)
			if err != nil {
				t.Fatalf("alice is never told to be online: %v, %v", online, err)
			}
			var f struct {
				Type, User string
				Online     bool
			}
			if json.Unmarshal(e.Raw, &f) == nil && f.Type == "presence" && f.User == "alice" {
				if f.Online != online {
					t.Fatalf("told %s, want online %v", e.Raw, online)
				}
				return
			}
		}
	}
	next(false)
	leave := c.members[0].open(t, "alice", client.WebSocket, "room", func(client.Event) {})
	next(true)
	leave()
	next(false)
}

func TestPresenceLostByTheBusIsReportedLater(t *testing.T) {
	for _, over := range []string{"memory", "redis"} {
		t.Run("over "+over, func(t *testing.T) { lostPresence(t, sharedStores[over]) })
	}
}

func lostPresence(t *testing.T, open opener) {
	t.Parallel()
	c := newCluster(t, 2, open, parleytest.BusFaults{})
	quiet := func(client.Event) {}
	for i, m := range c.members {
		m.open(t, fmt.Sprint("keeper", i), client.SSE, "lobby", quiet)
	}
	c.knowEachOther(t)
	leave := c.members[0].open(t, "bob", client.WebSocket, "room", quiet)
	var w witness
	c.members[1].open(t, "alice", client.WebSocket, "room", w.note)
	until(t, "alice is here for both", func() bool {
		here, err := c.members[0].presence.Here(t.Context(), "room", 10)
		return err == nil && here.Count == 2
	})
	c.members[1].bus.Set(parleytest.BusFaults{Lose: 1})
	leave()
	c.members[0].open(t, "carol", client.SSE, "room", quiet)
	until(t, "carol is in the room and bob is not", func() bool {
		here, err := c.members[1].presence.Here(t.Context(), "room", 10)
		return err == nil && len(here.Users) == 2 && here.Users[1].User == "carol"
	})
	if got := w.of("bob", "carol"); strings.Contains(got, "carol") {
		t.Fatalf("the bus loses nothing: %s", got)
	}
	c.members[1].bus.Set(parleytest.BusFaults{})
	c.members[1].bus.Break()
	until(t, "who is here is told, and how many", func() bool { return strings.Contains(w.of("bob", "carol"), "+carol") && w.counted() == 2 })
}
