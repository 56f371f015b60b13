package presence_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

// changed returns what watchers must receive, as "w1[alice bob] ".
func changed(tr *presence.Tracker, now time.Time) (all string) {
	for {
		w, users, ok := tr.Changed(now)
		if !ok {
			return all
		}
		all += fmt.Sprintf("%v%s ", w, names(users))
		tr.ChargeBudget(len(users))
	}
}

func TestWatchersReceiveTheUsersTheyWatch(t *testing.T) {
	tr := presence.New(presence.Config{}, begin)
	now := begin
	expect := func(what, want string) {
		t.Helper()
		news(tr, now, 1)
		if got := changed(tr, now); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	tr.Watch("w1", []parley.UserID{"alice", "bob"})
	tr.Enter("", "alice", "", parley.TransportWebSocket, now)
	expect("before it knows how things stand", "")
	tr.Tell("w1")
	expect("what came meanwhile", "w1[alice] ")
	expect("once", "")
	tr.Enter("", "alice", "", parley.TransportSSE, now)
	tr.Enter("room", "bob", "", parley.TransportSSE, now)
	tr.Enter("", "carol", "", parley.TransportSSE, now)
	expect("another tab, a channel, another user", "")
	tr.Enter("", "bob", "", parley.TransportSSE, now)
	tr.Leave("", "alice", "", parley.TransportSSE, now)
	tr.Leave("", "alice", "", parley.TransportWebSocket, now)
	expect("one came, the other has not left yet", "w1[bob] ")
	now = now.Add(3 * time.Second)
	expect("the grace is over", "w1[alice] ")

	tr.Watch("w2", []parley.UserID{"alice"})
	tr.Tell("w2")
	tr.Watch("w1", []parley.UserID{"carol"})
	tr.Tell("w1")
	tr.Asked("", "alice", "", parley.TransportPoll, now)
	expect("the watched set is replaced", "w2[alice] ")
	now = now.Add(time.Minute)
	expect("a lease has ended", "w2[alice] ")
	tr.Enter("", "alice", "", parley.TransportSSE, now)
	tr.Watch("w2", nil)
	expect("who watches no longer is not told", "")
	tr.Tell("w1", "alice", "carol")
	expect("again, but only of whom it watches", "w1[carol] ")
	tr.Tell("nobody", "alice")
	expect("who never watched", "")
}

func TestWatchersWaitForTheBudget(t *testing.T) {
	tr := presence.New(presence.Config{Budget: 100}, begin)
	for i := range 50 {
		tr.Watch(i, []parley.UserID{"alice"})
		tr.Tell(i)
	}
	tr.ChargeBudget(150)
	tr.Enter("", "alice", "", parley.TransportWebSocket, begin)
	if got := changed(tr, begin); got != "" {
		t.Errorf("the budget is used up: %s", got)
	}
	told := 0
	for at := begin; at.Before(begin.Add(2 * time.Second)); at = at.Add(50 * time.Millisecond) {
		for {
			_, users, ok := tr.Changed(at)
			if !ok {
				break
			}
			told += len(users)
			tr.ChargeBudget(1)
		}
	}
	if told != 50 {
		t.Errorf("%d of 50 were told", told)
	}
}
