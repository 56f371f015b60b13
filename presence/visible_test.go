package presence_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/presence"
)

// visible returns whether users are online and visible, as a node sees it.
func visible(t *testing.T, k *presence.Keeper, users ...parley.UserID) (is string) {
	t.Helper()
	found, err := k.Online(t.Context(), users...)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range found {
		switch {
		case s.Visible && !s.Online:
			t.Errorf("%s is visible, and not online", s.User)
		case s.Visible:
			is += "visible "
		case s.Online:
			is += "hidden "
		default:
			is += "gone "
		}
	}
	return is
}

// A user is hidden only if nothing of the user is visible.
func TestHiddenUsers(t *testing.T) {
	const s, ws, sse, held, poll = time.Second, parley.TransportWebSocket, parley.TransportSSE, parley.TransportLongPoll, parley.TransportPoll
	type call func(tr *presence.Tracker, now time.Time)
	enter := func(via parley.Transport) call {
		return func(tr *presence.Tracker, now time.Time) { tr.Enter("", "alice", "", via, now) }
	}
	leave := func(via parley.Transport) call {
		return func(tr *presence.Tracker, now time.Time) { tr.Leave("", "alice", "", via, now) }
	}
	ask := func(via parley.Transport) call {
		return func(tr *presence.Tracker, now time.Time) { tr.Asked("", "alice", "", via, now) }
	}
	hide := func(tr *presence.Tracker, _ time.Time) { tr.Hide("alice") }
	show := func(tr *presence.Tracker, _ time.Time) { tr.Show("alice") }
	closed := func(tr *presence.Tracker, now time.Time) { tr.LeaveHidden("alice", "", now) }
	wait := func(*presence.Tracker, time.Time) {}
	type step struct {
		at   time.Duration
		does call
		is   string
	}
	for name, steps := range map[string][]step{
		"a connection hides and shows": {{0, enter(ws), "visible"}, {s, hide, "hidden"}, {2 * s, show, "visible"},
			{3 * s, hide, "hidden"}},
		"two connections": {{0, enter(ws), "visible"}, {0, enter(ws), "visible"}, {s, hide, "visible"}, {s, hide, "hidden"},
			{s, show, "visible"}, {s, hide, "hidden"}, {2 * s, enter(ws), "visible"}, {3 * s, leave(ws), "hidden"},
			{3 * s, closed, "hidden"}, {9 * s, wait, "hidden"},
			{10 * s, show, "visible"}, {11 * s, leave(ws), "visible"}, {12 * s, wait, "visible"}, {14 * s, wait, "gone"}},
		"the visible one closes": {{0, enter(ws), "visible"}, {0, enter(ws), "visible"},
			{s, hide, "visible"}, {2 * s, leave(ws), "hidden"}},
		"who closes in sight is visible once": {{0, enter(ws), "visible"}, {s, leave(ws), "visible"}, {4 * s, wait, "gone"}},
		"who closes hidden stays hidden": {{0, enter(ws), "visible"}, {s, hide, "hidden"},
			{s, closed, "hidden"}, {4 * s, wait, "gone"}},
		"a return is visible": {{0, enter(ws), "visible"}, {s, hide, "hidden"}, {s, closed, "hidden"}, {2 * s, enter(ws), "visible"},
			{9 * s, wait, "visible"}, {9 * s, hide, "hidden"}},
		"a closed connection is forgotten": {{0, enter(ws), "visible"}, {s, hide, "hidden"}, {s, closed, "hidden"}, {4 * s, wait, "gone"},
			{5 * s, enter(ws), "visible"}, {6 * s, enter(ws), "visible"}, {7 * s, hide, "visible"}},
		"a stream of events cannot say": {{0, enter(ws), "visible"}, {s, hide, "hidden"},
			{s, enter(sse), "visible"}, {2 * s, leave(sse), "hidden"}},
		"nor can a poll that is held": {{0, enter(ws), "visible"}, {s, hide, "hidden"},
			{s, enter(held), "visible"}, {2 * s, leave(held), "hidden"}},
		"nor who polls": {{0, ask(poll), "visible"}, {59 * s, wait, "visible"}, {60 * s, wait, "gone"}},
		"one request beside is nothing": {{0, enter(ws), "visible"}, {s, ask(poll), "visible"},
			{s, hide, "hidden"}, {70 * s, wait, "hidden"}},
		"nor is one before": {{0, ask(poll), "visible"}, {0, ask(poll), "visible"},
			{s, enter(ws), "visible"}, {s, hide, "hidden"}},
		"polls beside are a way to look": {{0, enter(ws), "visible"}, {s, hide, "hidden"},
			{s, ask(poll), "hidden"}, {2 * s, ask(poll), "visible"},
			{61 * s, wait, "visible"}, {62 * s, wait, "hidden"}, {63 * s, show, "visible"}},
		"nobody hides": {{0, hide, "gone"}, {0, show, "gone"}, {0, closed, "gone"}, {0, enter(ws), "visible"}, {s, show, "visible"},
			{s, hide, "hidden"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := presence.New(presence.Config{}, begin)
			k := presence.NewKeeper(tr, presence.Config{})
			for i, c := range steps {
				now := begin.Add(c.at)
				for _, ok := tr.Next(now); ok; _, ok = tr.Next(now) {
				}
				c.does(tr, now)
				if got := visible(t, k, "alice"); got != c.is+" " {
					t.Errorf("step %d: %swant %s", i, got, c.is)
				}
			}
		})
	}
}

func TestHiddenUsersOnAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &told{t: t, known: map[string]bool{}}
		store := mem.NewPresence(mem.PresenceConfig{})
		a, b := d.start(store, "a", presence.Config{}), d.start(store, "b", presence.Config{})
		time.Sleep(10 * time.Second) // until they know of each other
		want := func(is string) {
			t.Helper()
			time.Sleep(time.Second) // changes are written for other nodes twice a second
			for _, n := range []*knot{a, b} {
				if got := visible(t, n.Keeper, "alice", "bob"); got != is+" " {
					t.Fatalf("%s, want %s", got, is)
				}
			}
		}
		want("gone gone")
		for _, n := range []*knot{a, b} {
			n.Enter("", "alice", "", parley.TransportWebSocket, time.Now())
		}
		b.Enter("", "bob", "", parley.TransportWebSocket, time.Now())
		want("visible visible")
		a.Hide("alice")
		want("visible visible")
		b.Hide("bob")
		b.Hide("alice")
		want("hidden hidden")
		a.Show("alice")
		want("visible hidden")
		a.LeaveHidden("alice", "", time.Now())
		a.Enter("", "bob", "", parley.TransportSSE, time.Now())
		time.Sleep(10 * time.Second)
		want("hidden visible")
		d.is(2, "/alice", "/bob") // only arrivals: visible or not, they are present
		b.Show("alice")
		want("visible visible")
		b.die() // b has bob; alice was visible on b only
		time.Sleep(21 * time.Second)
		if got := visible(t, a.Keeper, "alice", "bob"); got != "hidden visible " && got != "gone visible " {
			t.Errorf("after the node died: %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := visible(t, a.Keeper, "alice", "bob"); got != "gone visible " {
			t.Errorf("a while after the node died: %s", got)
		}
		a.stop()
	})
}

// Whether a hidden user is online is known here even while the store does not respond; whether the user is visible elsewhere is
// not.
func TestAHiddenUserIsOnlineWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &told{t: t, known: map[string]bool{}}
		s := &silentStore{Presence: mem.NewPresence(mem.PresenceConfig{})}
		a, b := d.start(s, "a", presence.Config{}), d.start(s, "b", presence.Config{})
		time.Sleep(10 * time.Second)
		a.Enter("", "alice", "", parley.TransportWebSocket, time.Now())
		a.Hide("alice")
		time.Sleep(time.Second)
		s.away.Store(true)
		if found, err := a.Seen(t.Context(), "alice"); err != nil || !found[0].Online || found[0].Visible {
			t.Errorf("%+v, %v", found, err)
		}
		if found, err := a.Keeper.Online(t.Context(), "alice"); err == nil {
			t.Errorf("it is not known whether they are visible: %+v", found)
		}
		s.away.Store(false)
		if found, err := a.Keeper.Online(t.Context(), "alice"); err != nil || !found[0].Online || found[0].Visible {
			t.Errorf("%+v, %v", found, err)
		}
		a.stop()
		b.stop()
	})
}

// silentStore does not answer who is online while it is away.
type silentStore struct {
	parley.Presence
	away atomic.Bool
}

func (s *silentStore) Online(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	if s.away.Load() {
		return nil, errors.New("away")
	}
	return s.Presence.Online(ctx, users...)
}
