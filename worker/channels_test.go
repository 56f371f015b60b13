package worker_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/worker"
)

// node is a node whose work collects the texts of entries.
type node struct {
	*worker.Channels[[]string]
	handle *mem.Handle
	frozen atomic.Bool
	thaw   chan struct{}

	mu    sync.Mutex
	notes map[parley.ChannelID]int
	lost  int
}

// system is several nodes with one store.
type system struct {
	t     *testing.T
	store *mem.Store
	nodes map[string]*node
	alive sync.Map // by name

	mu   sync.Mutex
	done map[parley.ChannelID][]string // texts worked on, by any node
}

func newSystem(t *testing.T) *system {
	return &system{t: t, store: mem.NewStore(mem.StoreConfig{}), nodes: map[string]*node{}, done: map[parley.ChannelID][]string{}}
}

func (s *system) start(ctx context.Context, name string) *node {
	n := &node{handle: s.store.Open(), thaw: make(chan struct{}), notes: map[parley.ChannelID]int{}}
	s.alive.Store(name, true)
	n.Channels = worker.New(worker.Config[[]string]{Name: "test", Table: n.handle, Log: n.handle, Node: name,
		Alive: func(node string) bool { alive, _ := s.alive.Load(node); return alive == true },
		Note: func(channel parley.ChannelID) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.notes[channel]++
			return nil
		},
		Begin: func(context.Context, parley.ChannelID) (int64, error) { return 0, nil },
		Work:  func(ctx context.Context, c *worker.Claim[[]string]) time.Duration { return s.work(ctx, n, c) },
	})
	s.nodes[name] = n
	go func() { _ = n.Run(ctx) }()
	return n
}

// work processes one entry at a time, so that there is something to lose.
func (s *system) work(ctx context.Context, n *node, c *worker.Claim[[]string]) time.Duration {
	run, err := n.handle.Read(ctx, c.Channel, parley.Cursor{ID: c.Position()}, 1)
	if err != nil {
		return time.Second
	}
	if len(run.Entries) == 0 {
		return -1
	}
	if n.frozen.Load() {
		<-n.thaw
	}
	e := run.Entries[0]
	c.State = append(c.State, e.Text)
	if err := c.Move(ctx, e.ID, e.Time); errors.Is(err, worker.ErrLost) {
		n.mu.Lock()
		n.lost++
		n.mu.Unlock()
		return -1
	} else if err != nil {
		return time.Second
	}
	s.mu.Lock()
	s.done[c.Channel] = append(s.done[c.Channel], e.Text)
	s.mu.Unlock()
	return 0
}

// post stores a message on a node, which then takes the channel, as a feed does.
func (s *system) post(n *node, channel parley.ChannelID, text string) {
	s.t.Helper()
	if r := n.handle.Append(s.t.Context(), channel, parley.Draft{User: "alice", Text: text}); r[0].Err != nil {
		s.t.Fatal(r[0].Err)
	}
	for n.Take(s.t.Context(), channel) != nil {
		time.Sleep(time.Second)
	}
}

// was checks which entries of a channel were worked on.
func (s *system) was(channel parley.ChannelID, want ...string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Equal(s.done[channel], want) {
		s.t.Errorf("%s: worked on %q, want %q", channel, s.done[channel], want)
	}
}

func bubble(t *testing.T, test func(t *testing.T, s *system, ctx context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		test(t, newSystem(t), ctx)
	})
}

func TestEachEntryIsWorkedOnOnce(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		all := []*node{s.start(ctx, "a"), s.start(ctx, "b"), s.start(ctx, "c")}
		var want []string
		for i := range 30 {
			s.post(all[i%3], "room", fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
			if i%7 == 6 {
				time.Sleep(11 * time.Second) // the channel is released
			}
			for _, n := range all {
				n.Grown("room")
			}
		}
		time.Sleep(time.Second)
		s.was("room", want...)
		owners := 0
		for _, n := range all {
			if n.Busy("room") {
				owners++
			}
		}
		if owners != 1 {
			t.Errorf("%d nodes work on the channel", owners)
		}
		time.Sleep(time.Minute)
		for name, n := range s.nodes {
			if n.Busy("room") {
				t.Errorf("%s still works on a quiet channel", name)
			}
		}
	})
}

// Another node stored a message just before the release, while it still saw the channel taken.
func TestReleaseFindsEntriesStoredJustBefore(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		a, b := s.start(ctx, "a"), s.start(ctx, "b")
		s.post(a, "room", "one")
		synctest.Wait()
		s.post(b, "room", "two") // a is not notified
		time.Sleep(11 * time.Second)
		s.was("room", "one", "two")
	})
}

func TestAnotherNodeTakesOverFromADeadOne(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		dead, end := context.WithCancel(ctx)
		a, b := s.start(dead, "a"), s.start(ctx, "b")
		s.post(a, "room", "one")
		synctest.Wait()
		end()
		synctest.Wait()
		s.post(b, "room", "two")
		synctest.Wait()
		if s.was("room", "one"); b.Busy("room") {
			t.Error("the channel was taken from a node that is alive")
		}
		s.alive.Delete("a")
		if err := b.Take(ctx, "room"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		s.was("room", "one", "two")
		if b.notes["room"] == 0 {
			t.Error("the channel was not noted before it was taken")
		}
	})
}

func TestFrozenNodeLearnsThatItLostTheChannel(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		a, b := s.start(ctx, "a"), s.start(ctx, "b")
		a.frozen.Store(true)
		s.post(a, "room", "one")
		synctest.Wait()
		s.alive.Delete("a")
		s.post(b, "room", "two")
		synctest.Wait()
		s.was("room", "one", "two")
		a.frozen.Store(false)
		close(a.thaw)
		synctest.Wait()
		s.was("room", "one", "two")
		if a.Busy("room") || a.lost != 1 {
			t.Errorf("busy: %v, lost %d times", a.Busy("room"), a.lost)
		}
	})
}

func TestLostResponsesOfTheStoreAreResolved(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		a := s.start(ctx, "a")
		var want []string
		for i := range 12 {
			if r := a.handle.Append(ctx, "room", parley.Draft{User: "alice", Text: fmt.Sprint(i)}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
			want = append(want, fmt.Sprint(i))
			a.handle.Fail([]mem.Failure{mem.Unanswered, mem.Unstored, mem.Refused}[i%3])
			for a.Take(ctx, "room") != nil {
				time.Sleep(time.Second)
			}
			time.Sleep(2 * time.Second)
			if i == 5 {
				time.Sleep(20 * time.Second)
			}
		}
		time.Sleep(time.Minute)
		s.was("room", want...)
	})
}

// In a new epoch, ids after the surviving entries identify other entries.
func TestNewEpochDoesNotHideEntries(t *testing.T) {
	bubble(t, func(t *testing.T, s *system, ctx context.Context) {
		a := s.start(ctx, "a")
		for i := range 5 {
			s.post(a, "room", fmt.Sprint(i))
		}
		time.Sleep(time.Minute)
		s.store.Promote(func(parley.ChannelID, int64) int64 { return 2 })
		for i := 5; i < 10; i++ {
			time.Sleep(time.Millisecond)
			if r := a.handle.Append(ctx, "room", parley.Draft{User: "alice", Text: fmt.Sprint(i)}); r[0].Err != nil {
				t.Fatal(r[0].Err)
			}
		}
		if err := a.Take(ctx, "room"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		s.was("room", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
	})
}
