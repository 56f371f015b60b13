package nats_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/adapter/nats"
	"github.com/parley-server/parley/parleytest"
)

func stores[T any](t *testing.T, cfg nats.Config) (all []T) {
	for range 3 {
		s, err := nats.Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		all = append(all, any(s).(T))
	}
	return all
}

func TestPresence(t *testing.T) {
	parleytest.RunPresence(t, func(t *testing.T) parleytest.PresenceHarness {
		return parleytest.PresenceHarness{Stores: stores[parley.Presence](t, config(t)), Pass: time.Sleep}
	})
}

func TestOnce(t *testing.T) {
	parleytest.RunOnce(t, func(t *testing.T) parleytest.OnceHarness {
		return parleytest.OnceHarness{Stores: stores[parley.Once](t, config(t)), Pass: time.Sleep}
	})
}

func beat(t *testing.T, s *nats.Store, node string, all bool, users ...parley.UserID) parley.Lease {
	t.Helper()
	b := parley.Beat{Node: node, TTL: time.Minute, All: all}
	for _, u := range users {
		b.Changes = append(b.Changes, parley.PresenceChange{User: u, Here: true},
			parley.PresenceChange{User: u, Channel: "room", Here: true, Since: 1, Transports: 1})
	}
	l, err := s.Beat(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// online demands who is online, and in the room, as a handle sees it.
func online(t *testing.T, s *nats.Store, want ...parley.UserID) {
	t.Helper()
	here, err := s.Here(t.Context(), "room", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var got []parley.UserID
	for _, o := range here.Users {
		got = append(got, o.User)
	}
	if !slices.Equal(got, want) || here.Count != len(want) {
		t.Errorf("%d %s are in the room, want %s", here.Count, got, want)
	}
	is, err := s.Online(t.Context(), want...)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range is {
		if !u.Online {
			t.Errorf("%s is not online", u.User)
		}
	}
}

func users(n int) (all []parley.UserID) {
	for i := range n {
		all = append(all, parley.UserID(fmt.Sprintf("user%05d", i)))
	}
	return all
}

// What a node wrote in thousands of beats is replaced by what it says together, and a node that starts later knows it, and
// when who is gone was last seen.
func TestNodeThatStartsLaterKnowsWhatWasReplaced(t *testing.T) {
	cfg := config(t)
	s := stores[*nats.Store](t, cfg)[0]
	all := users(6000) // of which one beat is several messages
	beat(t, s, "n1", true, all...)
	for round := range 60 {
		for i := range 100 {
			gone := all[(100*round+i)%len(all)]
			if _, err := s.Beat(t.Context(), parley.Beat{Node: "n1", TTL: time.Minute, Changes: []parley.PresenceChange{
				{User: gone, Channel: "room"}, {User: gone, Seen: 77}, {User: gone, Here: true},
				{User: gone, Channel: "room", Here: true, Since: 1, Transports: 1}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.Beat(t.Context(), parley.Beat{Node: "n1", TTL: time.Minute, Changes: []parley.PresenceChange{
		{User: "user00007", Channel: "room"}, {User: "user00007", Seen: 78}}}); err != nil {
		t.Fatal(err)
	}
	beat(t, s, "n2", true, "zoe")
	if err := s.EndLease(t.Context(), "n2"); err != nil {
		t.Fatal(err)
	}
	if gone, err := s.Reap(t.Context()); err != nil || len(gone) != 2 {
		t.Fatalf("reaped %v, %v", gone, err)
	}
	if n := messages(t, cfg); n > 6000 {
		t.Errorf("the stream keeps %d messages", n)
	}
	later := stores[*nats.Store](t, cfg)[0]
	online(t, later, slices.Delete(slices.Clone(all), 7, 8)...)
	is, err := later.Online(t.Context(), "user00007", "zoe", "nobody")
	if err != nil || is[0].Seen != 78 || is[1].Seen == 0 || is[2].Seen != 0 {
		t.Errorf("last seen: %+v, %v", is, err)
	}
	if gone, err := later.Reap(t.Context()); err != nil || len(gone) != 0 {
		t.Errorf("reaped again: %v, %v", gone, err)
	}
}

// messages is how many the stream of presence keeps.
func messages(t *testing.T, cfg nats.Config) uint64 {
	t.Helper()
	url, prefix, _ := strings.Cut(cfg.URL, "?prefix=")
	nc, err := client.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), prefix+"-presence")
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

// A handle whose connection breaks again and again is as far as the others.
func TestBrokenConnectionsLoseNoPresence(t *testing.T) {
	cfg := config(t)
	steady := stores[*nats.Store](t, cfg)[0]
	w := new(parleytest.Wires)
	cfg.Dial = w.Dial
	broken := stores[*nats.Store](t, cfg)[0]
	var want []parley.UserID
	for i, u := range users(60) {
		beat(t, steady, fmt.Sprint("n", i%3), false, u)
		want = append(want, u)
		if i%4 == 0 {
			w.Cut()
		}
	}
	for { // until it is connected again
		if _, err := broken.Online(t.Context(), "x"); err == nil {
			break
		}
	}
	online(t, broken, want...)
	online(t, steady, want...)
}

// NATS is killed and comes back without what it had in memory: nodes are asked to write all again, all handles see it,
// and a key that was used stays used.
func TestNATSThatWasRestartedIsWrittenAgain(t *testing.T) {
	server := stopped(t)
	all := stores[*nats.Store](t, nats.Config{URL: server.URL(t)})
	beat(t, all[0], "n1", true, "alice")
	beat(t, all[1], "n2", true, "bob")
	online(t, all[2], "alice", "bob")
	if first, err := all[0].First(t.Context(), "ticket", time.Minute); err != nil || !first {
		t.Fatal(first, err)
	}
	for range 2 {
		if _, err := server.Control("kill"); err != nil {
			t.Fatal(err)
		}
		for { // until it is known to be away
			if _, err := all[2].Online(t.Context(), "alice"); err != nil {
				break
			}
		}
		if _, err := server.Control("up"); err != nil {
			t.Fatal(err)
		}
		for i, u := range []parley.UserID{"alice", "bob"} {
			var l parley.Lease
			for err := error(parley.ErrUnknown); err != nil; {
				l, err = all[i].Beat(t.Context(), parley.Beat{Node: fmt.Sprint("n", i+1), TTL: time.Minute})
			}
			if l.Known {
				t.Errorf("node %d is known to a store that has lost all", i+1)
			}
			beat(t, all[i], fmt.Sprint("n", i+1), true, u)
		}
		for _, s := range all {
			for { // until it is connected again
				if _, err := s.Online(t.Context(), "x"); err == nil {
					break
				}
			}
			online(t, s, "alice", "bob")
		}
		if first, err := all[2].First(t.Context(), "ticket", time.Minute); err != nil || first {
			t.Errorf("a key is used twice: %v, %v", first, err)
		}
	}
}

// firstOf has all stores use a key, and returns how many were the first. While the cluster chooses a leader again, a use may
// fail, and then the key may be used up: another one is tried.
func firstOf(t *testing.T, all []*nats.Store, key string) (firsts int) {
	t.Helper()
	for try := range 10 {
		firsts = 0
		failed := false
		for _, s := range all {
			first, err := s.First(t.Context(), fmt.Sprint(key, "-", try), time.Minute)
			if failed = err != nil; failed {
				t.Logf("try %d: %v", try, err)
				break
			}
			if first {
				firsts++
			}
		}
		if !failed {
			return firsts
		}
	}
	t.Fatal("no key could be used")
	return 0
}

// Of a cluster one server after the other is killed and restarted: presence and keys are on the others.
func TestPresenceOutlivesServersOfACluster(t *testing.T) {
	server := stopped(t, "--nodes", "3")
	all := stores[*nats.Store](t, nats.Config{URL: "nats://" + strings.ReplaceAll(server.URL(t), "nats://", "")})
	want := users(3)
	for i, s := range all {
		beat(t, s, fmt.Sprint("n", i), true, want[i])
	}
	for round := range 2 {
		if _, err := server.Control("kill", "--node", fmt.Sprint(round+1)); err != nil {
			t.Fatal(err)
		}
		for i, s := range all {
			for err := error(parley.ErrUnknown); err != nil; {
				var l parley.Lease
				if l, err = s.Beat(t.Context(), parley.Beat{Node: fmt.Sprint("n", i), TTL: time.Minute}); err == nil && !l.Known {
					t.Errorf("node %d was forgotten", i)
				}
			}
			online(t, s, want...)
		}
		if firsts := firstOf(t, all, fmt.Sprint("key", round)); firsts != 1 {
			t.Errorf("%d were the first of a key", firsts)
		}
		if _, err := server.Control("up"); err != nil {
			t.Fatal(err)
		}
	}
}
