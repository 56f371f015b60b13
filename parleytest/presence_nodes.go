package parleytest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// presences is a presence store in which each call goes to another handle.
type presences struct {
	handles []parley.Presence
	turn    atomic.Uint64
}

var _ parley.Presence = (*presences)(nil)

func (p *presences) next() parley.Presence {
	return p.handles[p.turn.Add(1)%uint64(len(p.handles))]
}

func (p *presences) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	return p.next().Beat(ctx, b)
}

func (p *presences) Online(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	return p.next().Online(ctx, users...)
}

func (p *presences) Here(ctx context.Context, channel parley.ChannelID, limit int) (parley.Occupancy, error) {
	return p.next().Here(ctx, channel, limit)
}

func (p *presences) EndLease(ctx context.Context, node string) error {
	return p.next().EndLease(ctx, node)
}

func (p *presences) Reap(ctx context.Context) ([]parley.Gone, error) { return p.next().Reap(ctx) }

// elsewhere demands a beat's answer for each of its changes.
func (p *presence) elsewhere(l parley.Lease, want ...bool) {
	p.Helper()
	if !slices.Equal(l.Elsewhere, want) {
		p.Errorf("elsewhere: %v, want %v", l.Elsewhere, want)
	}
}

func presenceElsewhere(_ *testing.T, p *presence) {
	here, gone := in("c", "alice", 1, 1), []parley.PresenceChange{{User: "alice", Channel: "c"}}
	p.elsewhere(p.beat("n1", on("alice"), here), false, false)
	p.elsewhere(p.beat("n1", on("alice"), here), false, false)
	p.elsewhere(p.beat("n2", on("alice", "bob"), here, in("d", "alice", 1, 1)), true, false, true, false)
	p.elsewhere(p.beat("n1", off("alice", 5), gone), true, true)
	p.elsewhere(p.beat("n2", off("alice", 5), gone), false, false)
	p.beat("n1", on("alice"), here)
	p.pass(presenceTTL * 5 / 4)
	p.elsewhere(p.beat("n2", on("alice"), here), false, false) // n1 has died
}

// reap demands what is reaped, over all handles together, whichever asks.
func (p *presence) reap(want ...string) {
	p.Helper()
	var mu sync.Mutex
	got := []string{}
	var wait sync.WaitGroup
	for range 3 * len(p.store.handles) {
		wait.Go(func() {
			gone, err := p.store.Reap(p.Context())
			mu.Lock()
			defer mu.Unlock()
			for _, g := range gone {
				if g.Seen == 0 {
					err = fmt.Errorf("%+v was never seen", g)
				}
				got = append(got, fmt.Sprintf("%s@%s", g.User, g.Channel))
			}
			if err != nil {
				p.Error(err)
			}
		})
	}
	wait.Wait()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		p.Errorf("reaped %q, want %q", got, want)
	}
}

func presenceReaped(_ *testing.T, p *presence) {
	p.reap()
	p.beat("n1", on("alice", "bob"), in("c", "alice", 1, 1), in("d", "bob", 1, 1))
	p.beat("n1", off("bob", 5))
	p.reap() // the node is alive
	p.pass(presenceTTL * 5 / 4)
	p.reap("alice@", "alice@c", "bob@d")
	p.reap()
	p.beat("n2", on("alice"), in("c", "alice", 1, 1))
	p.leave("n2")
	p.reap("alice@", "alice@c")
	p.beat("n3", on("carol"))
	p.pass(presenceTTL * 5 / 4)
	p.send(parley.Beat{Node: "n3", TTL: time.Minute, All: true, Changes: on("carol")}) // the node was only late
	p.reap()
	p.online("carol")
}

func presenceReapedElsewhere(_ *testing.T, p *presence) {
	p.beat("n1", on("alice", "bob"), in("c", "alice", 1, 1), in("c", "bob", 1, 1))
	p.beat("n2", on("alice", "bob"), in("c", "alice", 1, 1))
	p.pass(presenceTTL * 3 / 4)
	p.beat("n3", on("alice"), in("d", "alice", 1, 1))
	p.pass(presenceTTL / 2) // n1 and n2, which both had alice, have died
	p.reap("bob@", "alice@c", "bob@c")
	p.online("alice")
}

// visible demands that these users are visible, of all users that the tests know.
func (p *presence) visible(want ...parley.UserID) {
	p.Helper()
	all := []parley.UserID{"alice", "bob", "carol"}
	for range p.store.handles {
		got, err := p.store.Online(p.Context(), all...)
		if err != nil {
			p.Fatal(err)
		}
		var are []parley.UserID
		for _, is := range got {
			if is.Visible {
				are = append(are, is.User)
			}
			if is.Visible && !is.Online {
				p.Errorf("%s is visible, and not online", is.User)
			}
		}
		if !slices.Equal(are, want) {
			p.Fatalf("visible are %v, want %v", are, want)
		}
	}
}

func hidden(users ...parley.UserID) []parley.PresenceChange {
	cs := on(users...)
	for i := range cs {
		cs[i].Hidden = true
	}
	return cs
}

func presenceVisible(_ *testing.T, p *presence) {
	p.visible()
	p.beat("n1", on("alice"), hidden("bob"))
	p.online("alice", "bob")
	p.visible("alice")
	p.beat("n1", hidden("alice"), on("bob"))
	p.visible("bob")
	p.beat("n1", hidden("alice", "bob"), hidden("bob"))
	p.visible()
	p.beat("n2", on("bob"), in("c", "bob", 1, 1))
	p.online("alice", "bob")
	p.visible("bob")
	p.elsewhere(p.beat("n2", hidden("alice")), true) // present elsewhere, visible or not
	p.visible("bob")
	p.beat("n1", off("bob", 1))
	p.visible("bob")
	p.beat("n1", hidden("bob"))
	p.beat("n2", off("bob", 2))
	p.online("alice", "bob")
	p.visible()
	p.beat("n2", on("bob"))
	p.visible("bob")
	p.send(parley.Beat{Node: "n1", TTL: presenceTTL, All: true, Changes: slices.Concat(hidden("alice"), on("carol"))})
	p.visible("bob", "carol")
	p.pass(presenceTTL * 3 / 4)
	p.beat("n1")
	p.visible("bob", "carol")
	p.pass(presenceTTL / 2) // n2 has died
	p.online("alice", "carol")
	p.visible("carol")
	p.leave("n1")
	p.online()
	p.visible()
}
