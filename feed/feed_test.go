package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/feed"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/parleytest"
	"github.com/parley-server/parley/testenv"
	"github.com/parley-server/parley/wire"
)

// node is one of several nodes over a store and a bus.
type node struct {
	*feed.Feed
	store *mem.Handle
	bus   *parleytest.FaultyBus
}

// cluster starts nodes that run until the test ends.
func cluster(t *testing.T, store *mem.Store, nodes int, faults parleytest.BusFaults) (all []*node) {
	return clusterOf(t, store, nodes, faults, func(*feed.Config, *mem.Handle) {})
}

// noted makes appends noted in the outbox.
func noted(cfg *feed.Config, h *mem.Handle) { cfg.Outbox = h }

func clusterOf(t *testing.T, store *mem.Store, nodes int, faults parleytest.BusFaults, with func(*feed.Config, *mem.Handle)) (all []*node) {
	t.Helper()
	broker := mem.NewBroker()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for i := range nodes {
		n := &node{store: store.Open(), bus: parleytest.NewFaultyBus(broker.Open(), uint64(i+1), faults)}
		cfg := feed.Config{Node: fmt.Sprint("n", i), Bus: n.bus, Index: n.store, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
		with(&cfg, n.store)
		n.Feed = feed.New(n.store, cfg)
		running.Go(func() {
			if err := n.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		all = append(all, n)
	}
	return all
}

// reader takes all output of a session, in a separate goroutine.
type reader struct {
	session hub.Session
	bell    chan struct{}

	mu     sync.Mutex
	ids    []int64
	resets int
	events int
}

func (r *reader) Ring() {
	select {
	case r.bell <- struct{}{}:
	default:
	}
}

func (n *node) read(t *testing.T, channel parley.ChannelID, after int64) *reader {
	t.Helper()
	r := &reader{bell: make(chan struct{}, 1)}
	n.Hub().Open(&r.session, wire.FormWS, r)
	if _, err := r.session.Follow(t.Context(), channel, &parley.Cursor{ID: after}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { r.run(ctx) })
	t.Cleanup(func() { stop(); running.Wait(); r.session.Close() })
	return r
}

func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		b, err := r.session.Next("", 1<<20, 1<<20)
		switch {
		case errors.Is(err, hub.ErrBehind):
			if r.session.Load(ctx) != nil {
				time.Sleep(time.Millisecond) // like the engine, it asks the store again later
			}
			continue
		case len(b) > 0:
			r.note(string(b))
			continue
		}
		select {
		case <-r.bell:
		case <-ctx.Done():
		}
	}
}

func (r *reader) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, part := range strings.Split(s, `{"type":`)[1:] {
		switch {
		case strings.HasPrefix(part, `"message","id":`), strings.HasPrefix(part, `"message-changed","id":`):
			id := int64(0)
			_, rest, _ := strings.Cut(part, `"id":`)
			fmt.Sscan(rest[:strings.IndexByte(rest, ',')], &id)
			r.ids = append(r.ids, id)
		case strings.HasPrefix(part, `"reset"`):
			r.resets++
		case strings.HasPrefix(part, `"typing"`):
			r.events++
		}
	}
}

// wait waits until ok holds for what the reader has.
func (r *reader) wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(testenv.Patience); ; time.Sleep(time.Millisecond) {
		r.mu.Lock()
		done := ok()
		ids, resets := fmt.Sprint(r.ids), r.resets
		r.mu.Unlock()
		switch {
		case done:
			return
		case time.Now().After(end):
			t.Fatalf("never %s: it has %s and %d resets", what, ids, resets)
		}
	}
}

// upTo waits for the ids first…last and no others.
func (r *reader) upTo(t *testing.T, first, last int64) {
	t.Helper()
	r.wait(t, fmt.Sprintf("entry %d", last), func() bool { return len(r.ids) > 0 && r.ids[len(r.ids)-1] >= last })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, id := range r.ids {
		if id != first+int64(i) {
			t.Fatalf("after %d entries it has %d: %v", i, id, r.ids)
		}
	}
	if n := int64(len(r.ids)); n != last-first+1 {
		t.Fatalf("it has %d entries, want %d", n, last-first+1)
	}
}

func (n *node) post(t *testing.T, channel parley.ChannelID, count int) {
	t.Helper()
	for range count {
		if r := n.PublishAll(channel, []parley.Draft{{User: "alice", Text: "x"}}); r[0].Err != nil {
			t.Error(r[0].Err)
		}
	}
}

// The bus is a hint: whatever it does, every reader on every node receives each entry once
// and in order.
func TestReadersReceiveEveryEntryDespiteTheBus(t *testing.T) {
	for name, faults := range map[string]parleytest.BusFaults{
		"healthy":                        {},
		"loses, repeats and delays some": {Lose: 0.2, Repeat: 0.2, Delay: 20 * time.Millisecond},
		"loses everything":               {Lose: 1},
		"deaf though connected":          {Deaf: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const channels, posts = 3, 60
			nodes := cluster(t, mem.NewStore(mem.StoreConfig{}), 3, faults)
			channel := func(i int) parley.ChannelID { return parley.ChannelID(fmt.Sprint("room:", i)) }
			var readers [channels][]*reader
			var posting sync.WaitGroup
			for i := range channels {
				for _, n := range nodes {
					readers[i] = append(readers[i], n.read(t, channel(i), 0))
					posting.Go(func() { n.post(t, channel(i), posts) })
				}
			}
			posting.Wait()
			for i := range channels {
				for _, r := range readers[i] { // before other readers follow, whose bounds would reveal what was missed
					r.upTo(t, 1, int64(posts*len(nodes)))
				}
				for _, n := range nodes {
					n.read(t, channel(i), 0).upTo(t, 1, int64(posts*len(nodes)))
				}
			}
		})
	}
}

// Ids of another epoch mean nothing: every session, on every node, receives a reset and
// then what follows, even where the bus delivers nothing.
func TestANewEpochResetsEverySession(t *testing.T) {
	for name, faults := range map[string]parleytest.BusFaults{"healthy": {}, "deaf": {Deaf: true}} {
		for _, survive := range []int64{3, 0} {
			t.Run(fmt.Sprintf("%s, %d survive", name, survive), func(t *testing.T) {
				t.Parallel()
				store := mem.NewStore(mem.StoreConfig{})
				nodes := cluster(t, store, 3, faults)
				var readers []*reader
				for _, n := range nodes {
					readers = append(readers, n.read(t, "room", 0))
				}
				nodes[0].post(t, "room", 11)
				for _, r := range readers {
					r.upTo(t, 1, 11)
				}
				store.Promote(func(parley.ChannelID, int64) int64 { return survive })
				for i, r := range readers {
					r.wait(t, fmt.Sprintf("a reset on node %d", i), func() bool { return r.resets > 0 })
				}
				nodes[1].post(t, "room", 5)
				last := survive + 5
				for i, r := range readers {
					r.wait(t, fmt.Sprintf("entry %d after the reset on node %d", last, i),
						func() bool { return r.ids[len(r.ids)-1] == last && len(r.ids) > 11 })
					r.mu.Lock()
					if after := fmt.Sprint(r.ids[11:]); r.resets != 1 ||
						!strings.HasSuffix(fmt.Sprint([]int64{survive + 1, survive + 2, survive + 3, survive + 4, survive + 5}),
							after[1:]) {
						t.Errorf("node %d: %d resets, then %s", i, r.resets, after)
					}
					r.mu.Unlock()
				}
			})
		}
	}
}

// An append whose answer was lost may be stored: the entry is found, without waiting for the next append.
func TestAnEntryWithALostAnswerIsShown(t *testing.T) {
	nodes := cluster(t, mem.NewStore(mem.StoreConfig{}), 2, parleytest.BusFaults{})
	here, there := nodes[0].read(t, "room", 0), nodes[1].read(t, "room", 0)
	nodes[0].store.Fail(mem.Unanswered)
	if r := nodes[0].PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}}); !errors.Is(r[0].Err, parley.ErrUnknown) {
		t.Fatal(r[0].Err)
	}
	here.upTo(t, 1, 1)
	there.upTo(t, 1, 1)
}

func TestEventsReachTheStreamsOfAllNodes(t *testing.T) {
	nodes := cluster(t, mem.NewStore(mem.StoreConfig{}), 3, parleytest.BusFaults{})
	var readers []*reader
	for _, n := range nodes {
		readers = append(readers, n.read(t, "room", 0))
	}
	if here := nodes[0].Event("room", parley.Event{Name: "typing", Object: []byte(`{"type":"typing"}`)}); here != 1 {
		t.Errorf("%d sessions follow it here", here)
	}
	for _, r := range readers {
		r.wait(t, "the event", func() bool { return r.events == 1 })
	}
}

// Growth on another node is noticed for a watched channel, even if no session here follows it.
func TestGrowthOfAWatchedChannelIsReported(t *testing.T) {
	nodes := cluster(t, mem.NewStore(mem.StoreConfig{}), 2, parleytest.BusFaults{})
	grown := make(chan parley.ChannelID, 100)
	third := cluster(t, mem.NewStore(mem.StoreConfig{}), 1, parleytest.BusFaults{})[0] // alone: nothing reaches it
	third.Watch("room")
	nodes[1].OnGrown(func(c parley.ChannelID) { grown <- c }, func(parley.ChannelID, []parley.Fact) {})
	nodes[1].Watch("room")
	nodes[0].post(t, "room", 1)
	select {
	case c := <-grown:
		if c != "room" {
			t.Errorf("%s grew", c)
		}
	case <-time.After(testenv.Patience):
		t.Fatal("it was not noticed")
	}
	nodes[1].Unwatch("room")
}

// A store that does not write what follows from entries together with them is projected:
// after Settle nothing is missing.
func TestAfterSettleTheIndexHasEverything(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{Projected: true})
	nodes := clusterOf(t, store, 2, parleytest.BusFaults{}, noted)
	joined := make(chan parley.Fact, 10)
	nodes[0].OnGrown(func(parley.ChannelID) {}, func(_ parley.ChannelID, facts []parley.Fact) {
		for _, f := range facts {
			joined <- f
		}
	})
	drafts := []parley.Draft{{User: "alice", Text: "x", Join: true}, {User: "bob", Text: "y", Join: true}}
	for _, r := range nodes[0].PublishAll("room", drafts) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	nodes[0].Settle(t.Context(), "room")
	if at, err := nodes[1].store.Position(t.Context(), "room"); err != nil || at[0] != 2 {
		t.Errorf("the position is %v, %v", at, err)
	}
	for _, user := range []parley.UserID{"alice", "bob"} {
		if f := <-joined; f.Kind != parley.FactJoined || f.User != user {
			t.Errorf("the fact is %+v, want that %s joined", f, user)
		}
	}
}

// What a dead node appended but did not project, another node finishes.
func TestADeadNodesWorkIsFinished(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{Projected: true})
	dead := store.Open()
	if err := dead.PutUnfinished(t.Context(), "dead", "room"); err != nil {
		t.Fatal(err)
	}
	if r := dead.Append(t.Context(), "room", parley.Draft{User: "alice", Text: "x", Join: true}); r[0].Err != nil {
		t.Fatal(r[0].Err)
	}
	n := clusterOf(t, store, 1, parleytest.BusFaults{}, noted)[0]
	if err := n.TakeOver(t.Context(), "dead"); err != nil {
		t.Fatal(err)
	}
	at, err := n.store.Position(t.Context(), "room")
	left, err2 := n.store.UnfinishedNodes(t.Context())
	if err != nil || err2 != nil || at[0] != 1 || len(left) != 0 {
		t.Errorf("the position is %v, unfinished are the nodes %v (%v, %v)", at, left, err, err2)
	}
}

// A node that is heard, or appeared only now, is not taken over.
func TestOnlySilentNodesAreTakenOver(t *testing.T) {
	now := time.Unix(1_774_684_800, 0)
	f := feed.New(nil, feed.Config{Node: "self", Clock: func() time.Time { return now }})
	all := []string{"self", "dead", "alive"}
	for seconds, want := range []string{0: "[]", 30: "[]", 59: "[]", 61: "[dead]", 90: "[dead]"} {
		if want == "" {
			continue
		}
		now = time.Unix(1_774_684_800+int64(seconds), 0)
		f.Heard("alive")
		if got := fmt.Sprint(f.Silent(all)); got != want {
			t.Errorf("after %d s: %s, want %s", seconds, got, want)
		}
	}
}

// Unfinished work is noted in the store; afterwards the note is removed.
func TestAppendsAreNotedUntilTheyAreProjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := mem.NewStore(mem.StoreConfig{Projected: true}).Open()
		f := feed.New(h, feed.Config{Node: "n0", Index: h, Outbox: h, Logger: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		post := func() error { return f.PublishAll("room", []parley.Draft{{User: "alice", Text: "x"}})[0].Err }
		noted := func() int {
			t.Helper()
			left, err := h.Unfinished(ctx, "n0", "", 10)
			if err != nil {
				t.Fatal(err)
			}
			return len(left)
		}
		for round := range 3 {
			if err := post(); err != nil {
				t.Fatal(err)
			}
			f.Settle(ctx, "room")
			if noted() != 1 { // the note is kept for the next message
				t.Errorf("round %d: %d are noted", round, noted())
			}
			if time.Sleep(time.Minute); noted() != 0 {
				t.Fatalf("round %d: %d stay noted", round, noted())
			}
		}
		h.Fail(mem.Refused)
		if err := post(); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("a channel that could not be noted: %v", err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A channel without followers is left after a while, and joined again for the next
// follower, who misses nothing.
func TestAChannelIsLeftAndJoinedAgain(t *testing.T) {
	nodes := cluster(t, mem.NewStore(mem.StoreConfig{}), 2, parleytest.BusFaults{})
	for round := range int64(3) {
		r := &reader{bell: make(chan struct{}, 1)}
		nodes[1].Hub().Open(&r.session, wire.FormWS, r)
		if _, err := r.session.Follow(t.Context(), "room", nil); err != nil {
			t.Fatal(err)
		}
		nodes[0].post(t, "room", 1)
		for end := time.Now().Add(testenv.Patience); ; time.Sleep(time.Millisecond) {
			b, err := r.session.Next("", 1<<20, 1<<20)
			if errors.Is(err, hub.ErrBehind) {
				err = r.session.Load(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			if r.note(string(b)); len(r.ids) > 0 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("round %d: nothing came", round)
			}
		}
		if r.ids[0] != round+1 {
			t.Errorf("round %d: entry %d", round, r.ids[0])
		}
		r.session.Close()
		if round == 1 {
			for end := time.Now().Add(testenv.Patience); nodes[1].Joined("room"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatal("the channel is never left")
				}
			}
		}
	}
}

// Entries that a store turns out to hold after it was reopened reach the followers: without a bus
// no other node would find them.
func TestAnEntryWhoseOutcomeWasUnknownIsShownAfterARecheck(t *testing.T) {
	store := mem.NewStore(mem.StoreConfig{})
	handle := store.Open()
	n := &node{store: handle, Feed: feed.New(handle, feed.Config{Index: handle, Logger: slog.New(slog.DiscardHandler)})}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = n.Run(ctx) })
	t.Cleanup(func() { stop(); running.Wait() })
	r := n.read(t, "room", 0)
	n.post(t, "room", 3)
	r.upTo(t, 1, 3)
	if res := handle.Append(t.Context(), "room", parley.Draft{User: "bob", Text: "survived"})[0]; res.Err != nil {
		t.Fatal(res.Err)
	}
	n.Recheck("room", "nobody-follows")
	r.upTo(t, 1, 4)
}
