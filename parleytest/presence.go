package parleytest

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/parley-server/parley"
)

// PresenceHarness holds handles of an empty presence store, one for each of several nodes, and a way to
// advance its clock: by waiting, or by moving a given clock.
type PresenceHarness struct {
	Stores []parley.Presence
	Pass   func(d time.Duration)
}

// RunPresence tests every sentence of the contract of parley.Presence. open is called
// once for each test.
func RunPresence(t *testing.T, open func(t *testing.T) PresenceHarness) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *presence)
	}{
		{"who was never here was never seen", presenceNobody},
		{"users come and go", presenceOnline},
		{"a user on two nodes is online until both are done", presenceTwoNodes},
		{"a node that stops takes nobody of another with it", presenceLeave},
		{"a node that died leaves no ghosts", presenceDied},
		{"a beat keeps what was written", presenceRenew},
		{"a node that comes back too late has to write everything", presenceLate},
		{"All voids what was written before", presenceAll},
		{"a beat that is sent again changes nothing", presenceAgain},
		{"changes apply in their order", presenceOrder},
		{"nodes learn of each other", presenceOthers},
		{"a channel's users are listed by name", presenceHere},
		{"a user on two nodes is once in a channel", presenceMerged},
		{"channels and users are apart", presenceApart},
		{"the last sign is the latest", presenceSeen},
		{"the caller's changes stay the caller's", presenceOwnership},
		{"a beat says who is elsewhere", presenceElsewhere},
		{"what a dead node held is reaped once", presenceReaped},
		{"who is on another node is not reaped", presenceReapedElsewhere},
		{"who is hidden on all nodes is not visible", presenceVisible},
		{"nodes beat at the same time", presenceConcurrent},
		{"an ended context is an error", presenceContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			c.test(t, &presence{t, &presences{handles: h.Stores}, h.Pass})
		})
	}
}

// presenceTTL is short enough to wait for.
const presenceTTL = 2 * time.Second

type presence struct {
	*testing.T
	store *presences
	pass  func(time.Duration)
}

func on(users ...parley.UserID) (cs []parley.PresenceChange) {
	for _, u := range users {
		cs = append(cs, parley.PresenceChange{User: u, Here: true})
	}
	return cs
}

func off(user parley.UserID, seen parley.Timestamp) []parley.PresenceChange {
	return []parley.PresenceChange{{User: user, Seen: seen}}
}

func in(channel parley.ChannelID, user parley.UserID, since parley.Timestamp, ts parley.Transports) []parley.PresenceChange {
	return []parley.PresenceChange{{User: user, Channel: channel, Here: true, Since: since, Transports: ts}}
}

func (p *presence) beat(node string, changes ...[]parley.PresenceChange) parley.Lease {
	p.Helper()
	b := parley.Beat{Node: node, TTL: presenceTTL}
	for _, c := range changes {
		b.Changes = append(b.Changes, c...)
	}
	return p.send(b)
}

func (p *presence) send(b parley.Beat) parley.Lease {
	p.Helper()
	st, err := p.store.Beat(p.Context(), b)
	if err != nil {
		p.Fatalf("beat of %s: %v", b.Node, err)
	}
	return st
}

func (p *presence) leave(node string) {
	p.Helper()
	if err := p.store.EndLease(p.Context(), node); err != nil {
		p.Fatalf("%s leaves: %v", node, err)
	}
}

// online demands that these users are online, of all users that the tests know.
func (p *presence) online(want ...parley.UserID) {
	p.Helper()
	all := []parley.UserID{"alice", "bob", "carol"}
	got, err := p.store.Online(p.Context(), all...)
	if err != nil || len(got) != len(all) {
		p.Fatalf("online: %v, %v", got, err)
	}
	is := map[parley.UserID]bool{}
	for _, u := range want {
		is[u] = true
	}
	for i, s := range got {
		if s.User != all[i] || s.Online != is[all[i]] {
			p.Errorf("%s is online: %v (asked for %s)", s.User, s.Online, all[i])
		}
	}
}

func (p *presence) seen(user parley.UserID) parley.Timestamp {
	p.Helper()
	got, err := p.store.Online(p.Context(), user)
	if err != nil || len(got) != 1 || got[0].User != user || got[0].Online {
		p.Fatalf("%s should be offline: %+v, %v", user, got, err)
	}
	return got[0].Seen
}

// here demands the users that are in a channel.
func (p *presence) here(channel parley.ChannelID, limit, count int, want ...parley.Occupant) {
	p.Helper()
	got, err := p.store.Here(p.Context(), channel, limit)
	if err != nil || got.Count != count || len(got.Users) != len(want) || len(want) > 0 && !reflect.DeepEqual(got.Users, want) {
		p.Errorf("in %s: %+v, %v, want %d %+v", channel, got, err, count, want)
	}
}

func presenceNobody(_ *testing.T, p *presence) {
	p.online()
	if at := p.seen("alice"); at != 0 {
		p.Errorf("alice was seen at %v", at)
	}
	p.here("c", 10, 0)
	p.leave("nobody")
	if got, err := p.store.Online(p.Context()); err != nil || len(got) != 0 {
		p.Errorf("asked for nobody: %v, %v", got, err)
	}
}

func presenceOnline(_ *testing.T, p *presence) {
	p.beat("n1", on("alice", "bob"))
	p.online("alice", "bob")
	p.beat("n1", off("alice", 5), on("carol"))
	p.online("bob", "carol")
	if at := p.seen("alice"); at != 5 {
		p.Errorf("alice was seen at %v", at)
	}
}

func presenceTwoNodes(_ *testing.T, p *presence) {
	p.beat("n1", on("alice"))
	p.beat("n2", on("alice"))
	p.beat("n1", off("alice", 5))
	p.online("alice")
	p.beat("n2", off("alice", 6))
	p.online()
}

func presenceLeave(_ *testing.T, p *presence) {
	p.beat("n1", on("alice", "bob"), in("c", "alice", 1, 1), in("c", "bob", 2, 1))
	p.beat("n2", on("bob"), in("c", "bob", 3, 2))
	p.leave("n1")
	p.online("bob")
	p.here("c", 10, 1, parley.Occupant{User: "bob", Since: 3, Transports: 2})
	if p.seen("alice") == 0 {
		p.Error("alice was never seen")
	}
	if st := p.beat("n2"); !st.Known || st.Others != 0 {
		p.Errorf("%+v", st)
	}
	p.leave("n2")
	p.online()
}

func presenceDied(_ *testing.T, p *presence) {
	p.beat("n1", on("alice", "bob"), in("c", "alice", 1, 1))
	p.pass(presenceTTL / 2)
	p.beat("n2", on("bob"))
	p.pass(presenceTTL / 4)
	p.online("alice", "bob")
	p.pass(presenceTTL / 2)
	p.online("bob")
	p.here("c", 10, 0)
	if p.seen("alice") == 0 {
		p.Error("alice was never seen")
	}
	if st := p.beat("n2"); st.Others != 0 {
		p.Errorf("the dead node still counts: %+v", st)
	}
}

func presenceRenew(_ *testing.T, p *presence) {
	p.beat("n1", on("alice"), in("c", "alice", 1, 1))
	for range 3 {
		p.pass(presenceTTL * 3 / 4)
		if st := p.beat("n1"); !st.Known {
			p.Errorf("%+v", st)
		}
	}
	p.online("alice")
	p.here("c", 10, 1, parley.Occupant{User: "alice", Since: 1, Transports: 1})
}

func presenceLate(_ *testing.T, p *presence) {
	if st := p.beat("n1", on("alice")); st.Known {
		p.Errorf("the first beat: %+v", st)
	}
	p.pass(presenceTTL * 5 / 4)
	if st := p.beat("n1", on("bob")); st.Known {
		p.Errorf("a beat after the lease: %+v", st)
	}
	p.online("bob")
	p.leave("n1")
	if st := p.beat("n1"); st.Known {
		p.Errorf("a beat after the leave: %+v", st)
	}
	p.online()
}

func presenceAll(_ *testing.T, p *presence) {
	p.beat("n1", on("alice"), in("c", "alice", 1, 1))
	p.beat("n2", on("bob"))
	st := p.send(parley.Beat{Node: "n1", TTL: presenceTTL, All: true, Changes: on("carol")})
	if !st.Known {
		p.Errorf("%+v", st)
	}
	p.online("bob", "carol")
	p.here("c", 10, 0)
}

func presenceAgain(_ *testing.T, p *presence) {
	for range 3 {
		p.beat("n1", on("alice"), in("c", "alice", 1, 1), off("bob", 7))
	}
	p.online("alice")
	p.here("c", 10, 1, parley.Occupant{User: "alice", Since: 1, Transports: 1})
	p.beat("n1", off("alice", 9))
	p.online()
	if a, b := p.seen("alice"), p.seen("bob"); a != 9 || b != 7 {
		p.Errorf("seen at %v and %v", a, b)
	}
}

func presenceOrder(_ *testing.T, p *presence) {
	p.beat("n1", on("alice"), off("alice", 1), on("bob"), off("bob", 2), on("bob"),
		in("c", "bob", 1, 1), in("c", "bob", 1, 3), in("c", "carol", 2, 1), []parley.PresenceChange{{User: "carol", Channel: "c"}})
	p.online("bob")
	p.here("c", 10, 1, parley.Occupant{User: "bob", Since: 1, Transports: 3})
}

func presenceOthers(_ *testing.T, p *presence) {
	for i, node := range []string{"n1", "n2", "n3"} {
		if st := p.beat(node); st.Others != i {
			p.Errorf("%s: %+v", node, st)
		}
	}
	if st := p.beat("n1"); !st.Known || st.Others != 2 {
		p.Errorf("%+v", st)
	}
}

func presenceHere(_ *testing.T, p *presence) {
	p.beat("n1", in("c", "carol", 3, 1), in("c", "alice", 9, 2), in("c", "bob", 1, 4), in("d", "dave", 1, 1))
	alice, bob, carol := parley.Occupant{
		User:       "alice",
		Since:      9,
		Transports: 2,
	}, parley.Occupant{
		User:       "bob",
		Since:      1,
		Transports: 4,
	}, parley.Occupant{
		User:       "carol",
		Since:      3,
		Transports: 1,
	}
	p.here("c", 10, 3, alice, bob, carol)
	p.here("c", 3, 3, alice, bob, carol)
	p.here("c", 2, 3, alice, bob)
	p.here("c", 0, 3)
	p.online() // a stay does not affect who is online
}

func presenceMerged(_ *testing.T, p *presence) {
	p.beat("n1", in("c", "alice", 9, parley.Transports(0).With(parley.TransportWebSocket)))
	p.beat("n2", in("c", "alice", 5, parley.Transports(0).With(parley.TransportSSE)))
	p.here("c", 10, 1, parley.Occupant{User: "alice", Since: 5, Transports: 3})
	p.beat("n2", []parley.PresenceChange{{User: "alice", Channel: "c"}})
	p.here("c", 10, 1, parley.Occupant{User: "alice", Since: 9, Transports: 1})
}

func presenceApart(_ *testing.T, p *presence) {
	for _, c := range []parley.ChannelID{"a", "b", "aa"} {
		for _, u := range []parley.UserID{"a", "b", "aa"} {
			p.beat("n1", in(c, u, 1, 1))
		}
	}
	p.beat("n1", []parley.PresenceChange{{User: "aa", Channel: "a"}})
	p.here("a", 10, 2, parley.Occupant{User: "a", Since: 1, Transports: 1}, parley.Occupant{User: "b", Since: 1, Transports: 1})
	p.here("aa", 0, 3)
	p.here("b", 0, 3)
}

func presenceSeen(_ *testing.T, p *presence) {
	p.beat("n1", off("alice", 9))
	p.beat("n2", off("alice", 5))
	if at := p.seen("alice"); at != 9 {
		p.Errorf("seen at %v", at)
	}
	p.beat("n2", on("alice"))
	p.beat("n2", off("alice", 11))
	if at := p.seen("alice"); at != 11 {
		p.Errorf("seen at %v", at)
	}
}

func presenceOwnership(_ *testing.T, p *presence) {
	b := parley.Beat{Node: "n1", TTL: presenceTTL, Changes: on("alice")}
	p.send(b)
	b.Changes[0] = parley.PresenceChange{User: "bob", Here: true}
	p.online("alice")
}

func presenceConcurrent(_ *testing.T, p *presence) {
	const nodes, users = 4, 50
	var wg sync.WaitGroup
	for n := range nodes {
		wg.Go(func() {
			for u := range users {
				b := parley.Beat{Node: fmt.Sprint("n", n), TTL: time.Minute}
				b.Changes = in("c", parley.UserID(fmt.Sprint("u", u)), 1, 1)
				if _, err := p.store.Beat(p.Context(), b); err != nil {
					p.Error(err)
				}
			}
		})
	}
	wg.Wait()
	p.here("c", 0, users)
	for n := range nodes - 1 {
		p.leave(fmt.Sprint("n", n))
	}
	p.here("c", 0, users)
}

func presenceContext(_ *testing.T, p *presence) {
	ctx, cancel := context.WithCancel(p.Context())
	cancel()
	if _, err := p.store.Beat(ctx, parley.Beat{Node: "n1", TTL: time.Minute}); err == nil {
		p.Error("a beat without time was answered")
	}
	if _, err := p.store.Online(ctx, "alice"); err == nil {
		p.Error("a question without time was answered")
	}
	if _, err := p.store.Here(ctx, "c", 1); err == nil {
		p.Error("a question without time was answered")
	}
	if err := p.store.EndLease(ctx, "n1"); err == nil {
		p.Error("a leave without time was done")
	}
}
