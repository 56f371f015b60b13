// Package presence knows who is in a channel on this node: pure state and a clock
// that comes in from outside. It never sends anything; its caller does.
package presence

import (
	"hash/maphash"
	"sync"
	"time"

	"parley"
)

// Config of a Tracker. The zero value works.
type Config struct {
	Grace time.Duration // how long a user who left may come back unnoticed; 3 s
	Each  int           // up to this many users in a channel each coming and going is told; 100
}

// Tracker counts the connections of each user in each channel.
type Tracker struct {
	grace time.Duration
	each  int
	seed  maphash.Seed

	mu      sync.Mutex
	users   map[place]stay
	count   map[uint64]int32 // users in each channel, by its hash
	leaving []departure      // in the order of their deadlines, which all have the same grace
}

// place is a user in a channel: a hash of both, since a node may hold a million and
// nobody asks for their names. Two are taken for one once in 10⁷ nodes so full.
type place uint64

// stay is how a user is there. With no connection left it is leaving.
type stay struct {
	connections int32
	left        uint32 // which departure is the latest; an earlier one is void
}

type departure struct {
	Departure
	due  time.Time
	left uint32
}

// Departure is a user who has left a channel for good.
type Departure struct {
	Channel parley.ChannelID
	User    parley.UserID
	Name    string
}

// New makes a tracker.
func New(cfg Config) *Tracker {
	if cfg.Grace == 0 {
		cfg.Grace = 3 * time.Second
	}
	if cfg.Each == 0 {
		cfg.Each = 100
	}
	return &Tracker{grace: cfg.Grace, each: cfg.Each, seed: maphash.MakeSeed(), users: map[place]stay{}, count: map[uint64]int32{}}
}

func (t *Tracker) hash(channel parley.ChannelID, user parley.UserID) (place, uint64) {
	c := maphash.String(t.seed, string(channel))
	return place(maphash.Comparable(t.seed, [2]uint64{c, maphash.String(t.seed, string(user))})), c
}

// Enter counts one more connection of a user in a channel. joined: it is the first,
// and the channel is small enough to be told.
func (t *Tracker) Enter(channel parley.ChannelID, user parley.UserID) (joined bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, in := t.hash(channel, user)
	s, here := t.users[at]
	s.connections++
	t.users[at] = s
	if here {
		return false
	}
	t.count[in]++
	return int(t.count[in]) <= t.each
}

// Leave counts one connection less. Due tells later whether the user is gone.
func (t *Tracker) Leave(channel parley.ChannelID, user parley.UserID, name string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, _ := t.hash(channel, user)
	s, here := t.users[at]
	if !here {
		return
	}
	if s.connections--; s.connections == 0 {
		s.left++
		t.leaving = append(t.leaving, departure{Departure{channel, user, name}, now.Add(t.grace), s.left})
	}
	t.users[at] = s
}

// Due returns the users whose grace has ended by now, without those who came back
// and those in channels too large to be told.
func (t *Tracker) Due(now time.Time) (gone []Departure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for ; n < len(t.leaving) && !t.leaving[n].due.After(now); n++ {
		d := t.leaving[n]
		at, in := t.hash(d.Channel, d.User)
		s, here := t.users[at]
		if !here || s.connections > 0 || s.left != d.left {
			continue
		}
		if int(t.count[in]) <= t.each {
			gone = append(gone, d.Departure)
		}
		delete(t.users, at)
		if t.count[in]--; t.count[in] == 0 {
			delete(t.count, in)
		}
	}
	if t.leaving = t.leaving[n:]; len(t.leaving) == 0 {
		t.leaving = nil
	}
	return gone
}
