// Package presence knows who is in a channel on this node: pure state and a clock
// that comes in from outside. It never sends anything; its caller does.
package presence

import (
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

	mu       sync.Mutex
	channels map[parley.ChannelID]map[parley.UserID]*stay
	leaving  []departure // in the order of their deadlines, which all have the same grace
}

// stay is a user in a channel. With no connection left it is leaving.
type stay struct {
	name        string
	connections int
	left        uint64 // which departure is the latest; an earlier one is void
}

type departure struct {
	Departure
	due  time.Time
	left uint64
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
	return &Tracker{grace: cfg.Grace, each: cfg.Each, channels: map[parley.ChannelID]map[parley.UserID]*stay{}}
}

// Enter counts one more connection of a user in a channel. joined: it is the first,
// and the channel is small enough to be told.
func (t *Tracker) Enter(channel parley.ChannelID, user parley.UserID, name string) (joined bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	users := t.channels[channel]
	if users == nil {
		users = map[parley.UserID]*stay{}
		t.channels[channel] = users
	}
	if s := users[user]; s != nil {
		s.connections++
		return false
	}
	users[user] = &stay{name: name, connections: 1}
	return len(users) <= t.each
}

// Leave counts one connection less. Due tells later whether the user is gone.
func (t *Tracker) Leave(channel parley.ChannelID, user parley.UserID, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.channels[channel][user]
	if s == nil {
		return
	}
	if s.connections--; s.connections == 0 {
		s.left++
		t.leaving = append(t.leaving, departure{Departure{channel, user, s.name}, now.Add(t.grace), s.left})
	}
}

// Due returns the users whose grace has ended by now, without those who came back
// and those in channels too large to be told.
func (t *Tracker) Due(now time.Time) (gone []Departure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for ; n < len(t.leaving) && !t.leaving[n].due.After(now); n++ {
		d := t.leaving[n]
		users := t.channels[d.Channel]
		s := users[d.User]
		if s == nil || s.connections > 0 || s.left != d.left {
			continue
		}
		if len(users) <= t.each {
			gone = append(gone, d.Departure)
		}
		delete(users, d.User)
		if len(users) == 0 {
			delete(t.channels, d.Channel)
		}
	}
	if t.leaving = t.leaving[n:]; len(t.leaving) == 0 {
		t.leaving = nil
	}
	return gone
}
