package presence_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
)

// model records everything that was done and counts again for each question.
type model struct {
	done []act
}

type act struct {
	at      time.Duration
	kind    byte // + enters, - leaves, ? polls
	channel parley.ChannelID
	user    parley.UserID
	via     parley.Transport
}

const modelGrace, modelTTL = 3 * time.Second, 10 * time.Second

// present reports whether a user is in a place at a time, and since when, by going
// through everything that was done. A stay lasts while at any time something keeps the
// user.
func (m *model) present(channel parley.ChannelID, user parley.UserID, now time.Duration) (
	here bool, since time.Duration, ts parley.Transports) {
	var open [3]int
	polled, polls := map[parley.Transport]time.Duration{}, map[parley.Transport]int{}
	until := time.Duration(-1) // leases keep the user until then; initially there was none
	total := 0
	for _, a := range m.done {
		if a.channel != channel || a.user != user {
			continue
		}
		if here && total == 0 && a.at >= until {
			here = false
		}
		if a.kind != '-' && !here {
			here, since = true, a.at
		}
		switch a.kind {
		case '+':
			if a.via == parley.TransportLongPoll {
				delete(polled, a.via)
				delete(polls, a.via)
			}
			if a.via != parley.TransportLongPoll && open[parley.TransportWebSocket]+open[parley.TransportSSE] == 0 {
				clear(polls)
			}
			open[a.via]++
			total++
		case '-':
			open[a.via]--
			if total--; total == 0 {
				until = a.at + modelGrace
				for via, at := range polled {
					if a.via != parley.TransportLongPoll && polls[via] < 2 {
						delete(polled, via) // they read something once, and have left
						continue
					}
					until = max(until, at+modelTTL)
				}
			}
		case '?':
			if at, before := polled[a.via]; !before || a.at >= at+modelTTL {
				polls[a.via] = 0
			}
			polls[a.via]++
			polled[a.via] = a.at
			until = max(until, a.at+modelTTL)
		}
	}
	if here && total == 0 && now >= until {
		here = false
	}
	if !here {
		return false, 0, 0
	}
	for via, n := range open {
		if n > 0 {
			ts = ts.With(parley.Transport(via))
		}
	}
	for via, at := range polled {
		if now < at+modelTTL {
			ts = ts.With(via)
		}
	}
	return true, since, ts
}

// Random arrivals, departures, polls and steps of the clock, against a naive recount;
// and what was sent adds up to who is present.
func TestTrackerAgainstAModel(t *testing.T) {
	for range 60 {
		seed := rand.Uint64()
		r := rand.New(rand.NewPCG(seed, 0))
		each := r.IntN(8)
		tr := presence.New(presence.Config{Grace: modelGrace, TTL: modelTTL, Tiers: tiers(each, 1000), Budget: 1 + r.IntN(300)}, begin)
		users, channels := 1+r.IntN(25), []parley.ChannelID{"", "a", "b"}
		m := &model{}
		open := map[act]int{}
		known := map[parley.ChannelID]map[parley.UserID]bool{"a": {}, "b": {}}
		now := time.Duration(0)
		drain := func() {
			for _, n := range news(tr, begin.Add(now), 3) {
				for _, u := range n.Joined {
					known[n.Channel][u] = true
				}
				for _, u := range append(n.Left, n.User) {
					delete(known[n.Channel], u)
				}
			}
		}
		check := func() {
			t.Helper()
			for _, c := range channels {
				count := 0
				stays := map[parley.UserID]parley.Occupant{}
				for _, s := range tr.Here(c, 1000).Users {
					stays[s.User] = s
				}
				for i := range users {
					u := numbered(i)
					here, since, ts := m.present(c, u, now)
					if here {
						count++
					}
					if c == "" {
						if tr.Online(u) != here {
							t.Fatalf("seed %d at %v: %s is online: %v", seed, now, u, !here)
						}
						continue
					}
					want := parley.Occupant{}
					if here {
						want = parley.Occupant{User: u, Since: parley.Timestamp(begin.Add(since).UnixMicro()), Transports: ts}
					}
					if stays[u] != want {
						t.Fatalf("seed %d at %v: %s in %s is %+v, want %+v", seed, now, u, c, stays[u], want)
					}
				}
				if got := tr.Here(c, 0).Count; c != "" && got != count {
					t.Fatalf("seed %d at %v: %d in %s, want %d", seed, now, got, c, count)
				}
			}
		}
		for range 400 {
			if r.IntN(3) == 0 {
				now += time.Duration(r.IntN(1+r.IntN(5000))) * time.Millisecond
				drain()
				check()
			}
			a := act{channel: channels[r.IntN(3)], user: numbered(r.IntN(users)), via: parley.Transport(r.IntN(3))}
			told := false
			switch kind := r.IntN(5); {
			case kind < 2:
				open[a]++
				a.kind = '+'
				told = tr.Enter(a.channel, a.user, "", a.via, begin.Add(now))
			case kind == 2:
				a.kind, a.via = '?', parley.TransportLongPoll+parley.Transport(r.IntN(2))
				told = tr.Asked(a.channel, a.user, "", a.via, begin.Add(now))
			case open[a] > 0:
				open[a]--
				a.kind = '-'
				tr.Leave(a.channel, a.user, "", a.via, begin.Add(now))
			default:
				continue
			}
			if told {
				known[a.channel][a.user] = true
			}
			a.at = now
			m.done = append(m.done, a)
		}
		check()
		for range 1200 { // everything is sent in the end, however small the budget
			now += 50 * time.Millisecond
			drain()
		}
		check()
		for c, ks := range known {
			if names := fmt.Sprint(len(ks)); names != fmt.Sprint(tr.Here(c, 0).Count) {
				t.Fatalf("seed %d: %s are known to be in %s, there are %d", seed, names, c, tr.Here(c, 0).Count)
			}
		}
	}
}
