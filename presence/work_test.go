package presence_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/presence"
)

// A tracker without work wakes nobody up; what happens then is looked at within a tenth of a second, until it was sent.
func TestTrackerWakesOnlyForWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := presence.New(presence.Config{Grace: time.Second, Tiers: tiers(0, 9)}, time.Now())
		var mu sync.Mutex
		looks, got := map[string]int{}, ""
		run := func(what string, await func(context.Context) bool, look func() string) (done func()) {
			ctx, stop := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() {
				for await(ctx) {
					found := look()
					mu.Lock()
					looks[what]++
					got += found
					mu.Unlock()
				}
			})
			return func() { stop(); running.Wait() }
		}
		defer run("next", tr.AwaitNext, func() (found string) {
			for _, n := range news(tr, time.Now(), 1) {
				found += string(n.Channel) + names(n.Joined) + names(n.Left) + " "
			}
			return found
		})()
		defer run("changed", tr.AwaitChanged, func() string { return changed(tr, time.Now()) })()
		expect := func(when, want string, next, watched int) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if got != want {
				t.Errorf("%s: %q, want %q", when, got, want)
			}
			if looks["next"] > next || looks["changed"] > watched {
				t.Errorf("%s it looked %v times", when, looks)
			}
			clear(looks)
			got = ""
		}
		time.Sleep(time.Hour)
		expect("in a quiet hour", "", 0, 0)
		tr.Watch("w", []parley.UserID{"alice"})
		tr.Tell("w")
		tr.Enter("", "alice", "", parley.TransportSSE, time.Now())
		time.Sleep(100 * time.Millisecond)
		expect("a watched user came", "w[alice] ", 0, 1)
		tr.Enter("room", "alice", "", parley.TransportSSE, time.Now())
		time.Sleep(presence.Every + 100*time.Millisecond)
		expect("a difference was due", "room[alice][] ", 21, 1)
		time.Sleep(time.Hour)
		expect("in a quiet hour with a user", "", 1, 1)
		tr.Leave("room", "alice", "", parley.TransportSSE, time.Now())
		time.Sleep(time.Second + presence.Every + 200*time.Millisecond)
		expect("the grace was over and a difference due", "room[][alice] ", 32, 0)
	})
}

// A node that was quiet for long keeps a user of a node that ends for the whole grace.
func TestQuietNodeKnowsTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}, &told{t: t, known: map[string]bool{}}
		n1, n2 := d.start(s, "n1", presence.Config{}), d.start(s, "n2", presence.Config{})
		time.Sleep(10 * time.Second) // until they know of each other
		n2.enter("alice")
		time.Sleep(10 * time.Minute)
		d.is(2, "/alice", "room/alice")
		n2.stop()
		time.Sleep(2500 * time.Millisecond)
		n1.enter("alice")
		time.Sleep(10 * time.Minute)
		d.is(0, "/alice", "room/alice")
	})
}

// Channels that may have missed something wait for NextMissed, however quiet it was.
func TestMissedChannelIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}, &told{t: t, known: map[string]bool{}}
		n := d.start(s, "n1", presence.Config{Budget: 10})
		d.start(s, "n2", presence.Config{})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		var looks, sent atomic.Int64
		running.Go(func() {
			for n.AwaitMissed(ctx) {
				looks.Add(1)
				for _, ok := n.NextMissed(ctx); ok; _, ok = n.NextMissed(ctx) {
					sent.Add(1)
				}
			}
		})
		time.Sleep(10 * time.Minute)
		n.Missed("a")
		time.Sleep(100 * time.Millisecond)
		if looks.Load() != 1 || sent.Load() != 1 {
			t.Errorf("it looked %d times, and %d channels were sent", looks.Load(), sent.Load())
		}
		n.ChargeBudget(50) // for five seconds
		n.Missed("b")
		time.Sleep(3 * time.Second)
		if sent.Load() != 1 {
			t.Error("a channel was sent without budget")
		}
		time.Sleep(time.Minute)
		if looks.Load() > 60 || sent.Load() != 2 {
			t.Errorf("it looked %d times, and %d channels were sent", looks.Load(), sent.Load())
		}
		stop()
		running.Wait()
	})
}
