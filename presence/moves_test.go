package presence_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/mem"
	"github.com/parley-server/parley/presence"
)

// told is what all streams of a cluster know of presence from what they received.
type told struct {
	t *testing.T

	mu    sync.Mutex
	known map[string]bool
	news  int
	model bool // two nodes may report the same arrival if another node reports a departure at the same moment
	wrong int  // arrivals of users who were present, or departures of users who were not
}

func (d *told) note(n presence.News) {
	d.mu.Lock()
	defer d.mu.Unlock()
	one := func(user parley.UserID, came bool) {
		at := fmt.Sprint(n.Channel, "/", user)
		if d.known[at] == came && !(came && d.model) {
			d.wrong++
		}
		d.news++
		if delete(d.known, at); came {
			d.known[at] = true
		}
	}
	for _, u := range n.Joined {
		one(u, true)
	}
	for _, u := range n.Left {
		one(u, false)
	}
	if n.User != "" {
		one(n.User, n.Came)
	}
}

// is demands what is known, and how many arrivals and departures were received since the last call.
func (d *told) is(news int, known ...string) {
	d.t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	want := map[string]bool{}
	for _, at := range known {
		want[at] = true
	}
	if fmt.Sprint(d.known) != fmt.Sprint(want) || d.news != news || d.wrong > 0 {
		d.t.Errorf("%d were told, %d wrongly, and known are %v; want %d and %v", d.news, d.wrong, d.known, news, want)
	}
	d.news = 0
}

// start starts a node whose news are recorded.
func (d *told) start(s parley.Presence, name string, cfg presence.Config) *knot {
	cfg.Store, cfg.Node, cfg.TTL = &mortal{Presence: s}, name, 20*time.Second
	n := &knot{Tracker: presence.New(cfg, time.Now()), t: d.t}
	n.Keeper = presence.NewKeeper(n.Tracker, cfg)
	ctx, stop := context.WithCancel(d.t.Context())
	n.stop = func() { stop(); n.done.Wait() }
	n.die = func() { cfg.Store.(*mortal).dead.Store(true); n.stop() }
	n.done.Go(func() { _ = n.Run(ctx) })
	n.done.Go(func() {
		for n.AwaitNext(ctx) {
			for _, one := range news(n.Tracker, time.Now(), 1) {
				d.note(n.Current(ctx, one))
			}
		}
	})
	d.t.Cleanup(n.stop)
	return n
}

func TestAUserWhoMovesBetweenNodesJoinsOnceAndLeavesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}, &told{t: t, known: map[string]bool{}}
		n1, n2, n3 := d.start(s, "n1", presence.Config{}), d.start(s, "n2", presence.Config{}), d.start(s, "n3", presence.Config{})
		time.Sleep(10 * time.Second) // until they know of each other
		n1.enter("alice")
		time.Sleep(time.Second)
		d.is(2, "/alice", "room/alice")
		n2.enter("alice")
		time.Sleep(time.Second)
		n1.leave("alice")
		time.Sleep(10 * time.Second)
		d.is(0, "/alice", "room/alice") // two at once, then one of them
		n2.leave("alice")
		time.Sleep(2 * time.Second)
		n3.enter("alice")
		time.Sleep(10 * time.Second)
		d.is(0, "/alice", "room/alice") // within the grace
		n3.leave("alice")
		time.Sleep(4 * time.Second)
		d.is(2)
		n3.enter("alice")
		n3.leave("alice")
		n3.enter("bob")
		time.Sleep(10 * time.Second)
		d.is(2+2+2, "/bob", "room/bob")

		n3.stop() // cleanly: its users may be on their way to others
		time.Sleep(2 * time.Second)
		n1.enter("bob")
		time.Sleep(10 * time.Second)
		d.is(0, "/bob", "room/bob")
		n2.enter("alice")
		time.Sleep(time.Second)
		d.is(2, "/bob", "room/bob", "/alice", "room/alice")
		n2.stop()
		time.Sleep(7 * time.Second)
		d.is(2, "/bob", "room/bob") // and a user who does not arrive has left
		n4 := d.start(s, "n4", presence.Config{})
		time.Sleep(10 * time.Second)
		n4.enter("carol")
		n4.enter("bob")
		time.Sleep(time.Second)
		d.is(2, "/bob", "room/bob", "/carol", "room/carol")
		n4.die()
		time.Sleep(18 * time.Second)
		d.is(0, "/bob", "room/bob", "/carol", "room/carol")
		time.Sleep(6 * time.Second)
		d.is(2, "/bob", "room/bob")
	})
}

func TestAnAbsentStoreDelaysNewsAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, d := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}, &told{t: t, known: map[string]bool{}}
		n1, n2 := d.start(s, "n1", presence.Config{}), d.start(s, "n2", presence.Config{})
		time.Sleep(10 * time.Second)
		n1.enter("alice")
		n2.enter("bob")
		time.Sleep(time.Second)
		d.is(4, "/alice", "room/alice", "/bob", "room/bob")
		s.away.Store(true)
		n1.leave("alice")
		n2.enter("carol")
		time.Sleep(2 * time.Minute) // all leases end
		d.is(0, "/alice", "room/alice", "/bob", "room/bob")
		s.away.Store(false)
		time.Sleep(10 * time.Second)
		d.mu.Lock()
		d.wrong = 0 // that bob is present may be reported again
		d.mu.Unlock()
		d.is(d.news, "/bob", "room/bob", "/carol", "room/carol")
	})
}

// Whatever users and nodes do, in the end the streams know who is present, and received nothing twice.
func TestMovesAgainstAModel(t *testing.T) {
	for round := range 20 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, uint64(round)))
			s, d := &store{Presence: mem.NewPresence(mem.PresenceConfig{})}, &told{t: t, known: map[string]bool{}}
			d.model = true
			var cfg presence.Config // each arrival and departure is sent
			batched := round%2 == 1 // two nodes may send differences of the same users; the last is right
			if batched {
				cfg = presence.Config{Tiers: tiers(r.IntN(6), 1000), Budget: 10 + r.IntN(300)}
			}
			nodes := []*knot{d.start(s, "n0", cfg), d.start(s, "n1", cfg), d.start(s, "n2", cfg)}
			time.Sleep(10 * time.Second)
			type stay struct {
				node *knot
				user parley.UserID
			}
			here := map[stay]int{}
			born, died := len(nodes), time.Time{}
			for range 300 {
				n, u := nodes[r.IntN(len(nodes))], numbered(r.IntN(8))
				switch k := r.IntN(100); {
				case k < 50:
					n.enter(u)
					here[stay{n, u}]++
				case k < 95:
					if here[stay{n, u}] > 0 {
						n.leave(u)
						here[stay{n, u}]--
					}
				case time.Since(died) < 30*time.Second: // what a dying node had not sent yet is never sent
				default: // a node ends, in one of two ways, and another takes its place
					if batched || k >= 98 { // what it has not sent is never sent
						time.Sleep(10 * time.Second)
					}
					if k >= 98 {
						n.die()
						died = time.Now()
					} else {
						n.stop()
					}
					for at := range here {
						if at.node == n {
							delete(here, at)
						}
					}
					for i := range nodes {
						if nodes[i] == n {
							nodes[i] = d.start(s, fmt.Sprint("n", born), cfg)
						}
					}
					born++
					time.Sleep(6 * time.Second) // until it is known
				}
				time.Sleep(time.Duration(r.IntN(1+r.IntN(2000))) * time.Millisecond)
			}
			time.Sleep(2 * time.Minute)
			want := map[string]bool{}
			for at, n := range here {
				if n > 0 {
					want[fmt.Sprint("/", at.user)], want[fmt.Sprint("room/", at.user)] = true, true
				}
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			if fmt.Sprint(want) != fmt.Sprint(d.known) || d.wrong > 0 && !batched {
				t.Errorf("seed %d: known are %v, want %v; %d were told wrongly", seed, d.known, want, d.wrong)
			}
		})
	}
}
