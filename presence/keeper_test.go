package presence_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/presence"
)

// store is shared by several nodes, counts its calls and can be away.
type store struct {
	*mem.Presence
	away    atomic.Bool
	beats   atomic.Int64
	changes atomic.Int64
}

func (s *store) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	if s.away.Load() {
		return parley.Lease{}, errors.New("away")
	}
	s.beats.Add(1)
	s.changes.Add(int64(len(b.Changes)))
	return s.Presence.Beat(ctx, b)
}

// knot is a node: a tracker that notifies no clients, and its keeper.
type knot struct {
	*presence.Tracker
	*presence.Keeper
	t    *testing.T
	stop context.CancelFunc // cleanly
	die  context.CancelFunc // without ending its lease
	done sync.WaitGroup
}

func start(t *testing.T, s parley.Presence, name string) *knot {
	cfg := presence.Config{Store: &mortal{Presence: s}, Node: name, TTL: 20 * time.Second}
	n := &knot{Tracker: presence.New(cfg, time.Now()), t: t}
	n.Keeper = presence.NewKeeper(n.Tracker, cfg)
	ctx, stop := context.WithCancel(t.Context())
	n.stop = func() { stop(); n.done.Wait() }
	n.die = func() { cfg.Store.(*mortal).dead.Store(true); n.stop() }
	n.done.Go(func() { _ = n.Run(ctx) })
	n.done.Go(func() {
		for n.AwaitNext(ctx) {
			news(n.Tracker, time.Now(), 0)
		}
	})
	t.Cleanup(n.stop)
	return n
}

// mortal is the store as seen by one node, until the node dies.
type mortal struct {
	parley.Presence
	dead atomic.Bool
}

func (m *mortal) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	if m.dead.Load() {
		return parley.Lease{}, errors.New("dead")
	}
	return m.Presence.Beat(ctx, b)
}

func (m *mortal) EndLease(ctx context.Context, node string) error {
	if m.dead.Load() {
		return errors.New("dead")
	}
	return m.Presence.EndLease(ctx, node)
}

func (n *knot) enter(user parley.UserID) {
	n.Enter("", user, "", parley.TransportWebSocket, time.Now())
	n.Enter("room", user, "", parley.TransportWebSocket, time.Now())
}

func (n *knot) leave(user parley.UserID) {
	n.Tracker.Leave("room", user, "", parley.TransportWebSocket, time.Now())
	n.Tracker.Leave("", user, "", parley.TransportWebSocket, time.Now())
}

// sees demands the users who are online and in the room, according to the node.
func (n *knot) sees(want string) {
	n.t.Helper()
	users := []parley.UserID{"alice", "bob", "carol"}
	found, err := n.Keeper.Online(n.t.Context(), users...)
	if err != nil {
		n.t.Fatal(err)
	}
	var online []parley.UserID
	for _, s := range found {
		if s.Online {
			online = append(online, s.User)
		}
	}
	here, err := n.Keeper.Here(n.t.Context(), "room", 10)
	if err != nil {
		n.t.Fatal(err)
	}
	var in []parley.UserID
	for _, s := range here.Users {
		in = append(in, s.User)
	}
	if got := names(online); got != want || names(in) != want || here.Count != len(in) {
		n.t.Errorf("online %v, in the room %d %v, want %v", got, here.Count, in, want)
	}
}

func seen(n *knot, user parley.UserID) time.Time {
	n.t.Helper()
	found, err := n.Keeper.Online(n.t.Context(), user)
	if err != nil || found[0].Online {
		n.t.Fatalf("%+v, %v", found, err)
	}
	if found[0].Seen == 0 {
		return time.Time{}
	}
	return time.UnixMicro(int64(found[0].Seen))
}

func TestALoneNodeDoesNotWriteItsUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}
		n := start(t, s, "n1")
		for i := range 100 {
			n.Enter("", numbered(i), "", parley.TransportWebSocket, time.Now())
		}
		n.enter("alice")
		n.sees("[alice]")
		time.Sleep(time.Minute)
		if b, c := s.beats.Load(), s.changes.Load(); b < 10 || b > 20 || c != 0 {
			t.Errorf("in a minute %d beats told of %d changes", b, c)
		}
		if at := seen(n, "bob"); !at.IsZero() {
			t.Errorf("bob was seen at %v", at)
		}
		left := time.Now()
		n.leave("alice")
		time.Sleep(10 * time.Second)
		n.sees("[]")
		if at := seen(n, "alice"); !at.Equal(left.Truncate(time.Microsecond)) {
			t.Errorf("alice was seen at %v and left at %v", at, left)
		}
		if c := s.changes.Load(); c != 1 {
			t.Errorf("the store was told of %d changes", c)
		}
	})
}

func TestNodesKnowOfEachOthersUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}
		n1 := start(t, s, "n1")
		n1.enter("alice")
		time.Sleep(time.Minute)
		n2 := start(t, s, "n2")
		n2.enter("bob")
		time.Sleep(6 * time.Second) // n1 learns of it with its next beat
		for _, n := range []*knot{n1, n2} {
			n.sees("[alice bob]")
		}
		n1.enter("bob")
		n2.leave("bob")
		time.Sleep(6 * time.Second)
		n2.sees("[alice bob]")
		n1.leave("bob")
		time.Sleep(6 * time.Second)
		n2.sees("[alice]")

		n2.enter("alice")
		n2.enter("carol")
		time.Sleep(time.Second)
		n1.sees("[alice carol]")
		n2.stop()
		n1.sees("[alice carol]") // carol may be on the way to another node
		time.Sleep(6 * time.Second)
		n1.sees("[alice]") // the clean stop of a node removes no other node's users
		n3 := start(t, s, "n3")
		n3.enter("bob")
		n3.enter("alice")
		time.Sleep(6 * time.Second)
		n1.sees("[alice bob]")
		if err := s.Presence.EndLease(t.Context(), "n1"); err != nil { // as if it had been stopped for longer than its lease
			t.Fatal(err)
		}
		n1.sees("[alice bob]")
		time.Sleep(6 * time.Second)
		n3.sees("[alice bob]")
		n3.leave("alice")
		time.Sleep(6 * time.Second)
		n3.sees("[alice bob]") // n1 has written everything again
		died := time.Now()
		n3.die()
		time.Sleep(10 * time.Second)
		n1.sees("[alice bob]")
		time.Sleep(10*time.Second + time.Millisecond)
		n1.sees("[alice]") // nor does a death, and no ghosts remain
		if at := seen(n1, "bob"); at.After(died) || at.Before(died.Add(-6*time.Second)) {
			t.Errorf("bob was seen at %v, the node died at %v", at, died)
		}
	})
}

func TestEverythingIsWrittenAfterTheStoreReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}
		n1, n2 := start(t, s, "n1"), start(t, s, "n2")
		n1.enter("alice")
		n1.enter("bob")
		time.Sleep(10 * time.Second)
		n2.sees("[alice bob]")
		s.away.Store(true)
		left := time.Now()
		n1.leave("alice")
		n1.enter("carol")
		if _, err := n1.Keeper.Here(t.Context(), "room", 1); err == nil {
			t.Error("a node answers without the store")
		}
		time.Sleep(time.Minute) // the leases end
		s.away.Store(false)
		time.Sleep(time.Second)
		for _, n := range []*knot{n1, n2} {
			n.sees("[bob carol]")
			if at := seen(n, "alice"); !at.Equal(left.Truncate(time.Microsecond)) {
				t.Errorf("alice was seen at %v and left at %v", at, left)
			}
		}
	})
}

func TestWithoutAStoreANodeAnswersForItself(t *testing.T) {
	tr := presence.New(presence.Config{}, begin)
	k := presence.NewKeeper(tr, presence.Config{})
	tr.Enter("", "alice", "", parley.TransportSSE, begin)
	tr.Enter("room", "alice", "", parley.TransportSSE, begin)
	found, err := k.Online(t.Context(), "alice", "bob")
	here, err2 := k.Here(t.Context(), "room", 10)
	if got := fmt.Sprint(found, err, here.Count, err2); got != "[{alice true true 0.000000} {bob false false 0.000000}] <nil> 1 <nil>" {
		t.Error(got)
	}
	if err := k.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
