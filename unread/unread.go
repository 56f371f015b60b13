// Package unread notifies users whose own channel a connection of this node follows when the
// unread count of one of their channels changes. It receives facts (a channel grew, a pointer
// moved) and functions that count and send, and calls nothing else.
package unread

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/clock"
)

// Config of Inboxes. All functions are required; they may block, except Tell and Watch.
type Config struct {
	// Channels lists the channels that a user is a member of.
	Channels func(ctx context.Context, user parley.UserID) ([]parley.ChannelID, error)
	// Count returns a user's counts of channels.
	Count func(ctx context.Context, user parley.UserID, channels []parley.ChannelID) ([]parley.Count, error)
	// Bounds is that of a parley.Log.
	Bounds func(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error)
	// Pointed reports whether a channel's members are notified only that there is more, at most
	// once a second, without a count: the channel is too large to count for each of them.
	Pointed func(channel parley.ChannelID) bool
	// Tell sends a user's connections on this node a count and the total of all channels; More
	// sends them that a channel has grown up to an id.
	Tell func(user parley.UserID, c *parley.Count, total int64)
	More func(user parley.UserID, channel parley.ChannelID, head int64)
	// Watch has Grown called for a channel that grows on other nodes, until it is called with
	// false.
	Watch func(channel parley.ChannelID, watched bool)
	Clock func() time.Time
}

// Inboxes count for the users of this node's connections.
//
//	a message ──▶ the channel is marked ──▶ 4 times a second: its readers' places are
//	marked ──▶ as many as the budget allows are counted again, and sent if they changed
//
// So a message costs nothing per reader when it is sent, and during a flood in a large channel
// counts are sent as often as there is time for.
type Inboxes struct {
	cfg  Config
	work *clock.OnDemand // wakes Run
	some atomic.Bool     // there are users; otherwise a message costs nothing here

	mu       sync.Mutex
	users    map[parley.UserID]*inbox
	readers  map[parley.ChannelID]*readers
	turn     []parley.ChannelID             // of readers, those whose beginning must still be checked
	channels map[parley.ChannelID]struct{}  // marked
	places   map[place]struct{}             // marked
	unlisted map[parley.UserID]bool         // their channels must be listed; true: and changes sent
	pointed  map[parley.ChannelID]time.Time // when the members of channels that are not counted were notified last
}

// readers are the users who receive the counts of a channel.
type readers struct {
	users map[parley.UserID]struct{}
	first int64 // a user who was counted when the channel began before it is marked; 0: no user was counted
}

// inbox is what one user has received.
type inbox struct {
	connections int
	counts      map[parley.ChannelID]count // what the user has received, or would have
	total       int64                      // of all
	stale       map[parley.ChannelID]bool  // pointed channels that have grown: must be counted with the next total
}

type count struct {
	unread, mentions int64
	told             bool // else the user may know an earlier count
}

type place struct {
	user    parley.UserID
	channel parley.ChannelID
}

// New creates Inboxes without users.
func New(cfg Config) *Inboxes {
	return &Inboxes{cfg: cfg, work: clock.NewOnDemand(every, 0), users: map[parley.UserID]*inbox{}, readers: map[parley.ChannelID]*readers{},
		channels: map[parley.ChannelID]struct{}{}, places: map[place]struct{}{}, unlisted: map[parley.UserID]bool{},
		pointed: map[parley.ChannelID]time.Time{}}
}

// AddConn notes that a connection follows a user's own channel, until RemoveConn.
func (in *Inboxes) AddConn(user parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	if u == nil {
		u = &inbox{counts: map[parley.ChannelID]count{}}
		in.users[user] = u
		in.unlisted[user] = false
		in.some.Store(true)
		in.work.Need()
	}
	u.connections++
}

// RemoveConn ends one AddConn.
func (in *Inboxes) RemoveConn(user parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	if u == nil {
		return
	}
	if u.connections--; u.connections > 0 {
		return
	}
	for channel := range u.counts {
		in.forgetLocked(user, channel)
	}
	delete(in.users, user)
	delete(in.unlisted, user)
	in.some.Store(len(in.users) > 0)
}

func (in *Inboxes) forgetLocked(user parley.UserID, channel parley.ChannelID) {
	r := in.readers[channel]
	if r == nil {
		return
	}
	if delete(r.users, user); len(r.users) == 0 {
		delete(in.readers, channel)
		in.cfg.Watch(channel, false)
	}
}

// Grown notes that the counts of a channel's members may have changed.
func (in *Inboxes) Grown(channel parley.ChannelID) {
	if !in.some.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.readers[channel] != nil || len(in.unlisted) > 0 {
		in.channels[channel] = struct{}{}
		in.work.Need()
	}
}

// Touched notes that a user's own count in a channel may have changed.
func (in *Inboxes) Touched(user parley.UserID, channel parley.ChannelID) {
	if !in.some.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.users[user] != nil {
		in.places[place{user, channel}] = struct{}{}
		in.work.Need()
	}
}

// Changed notes that a user's memberships and counts may have changed on another node.
func (in *Inboxes) Changed(user parley.UserID) {
	if !in.some.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.users[user] != nil {
		in.unlisted[user] = true
		in.work.Need()
	}
}

// Moved notes that a user has joined a channel, or left it.
func (in *Inboxes) Moved(user parley.UserID, channel parley.ChannelID, joined bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	switch {
	case u == nil:
	case joined:
		in.addLocked(user, u, channel)
		u.counts[channel] = count{told: true} // a user who joins has read everything
		in.places[place{user, channel}] = struct{}{}
		in.work.Need()
	default:
		in.removeLocked(user, u, channel)
	}
}

func (in *Inboxes) addLocked(user parley.UserID, u *inbox, channel parley.ChannelID) {
	if _, known := u.counts[channel]; known {
		return
	}
	u.counts[channel] = count{}
	r := in.readers[channel]
	if r == nil {
		r = &readers{users: map[parley.UserID]struct{}{}}
		in.readers[channel] = r
		in.cfg.Watch(channel, true)
	}
	r.users[user] = struct{}{}
}

func (in *Inboxes) removeLocked(user parley.UserID, u *inbox, channel parley.ChannelID) {
	u.total -= u.counts[channel].unread
	delete(u.counts, channel)
	delete(u.stale, channel)
	in.forgetLocked(user, channel)
}

// listed notes the channels that a user is a member of, and returns those that must be counted.
func (in *Inboxes) listed(user parley.UserID, channels []parley.ChannelID, tell bool) []parley.ChannelID {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	if u == nil {
		return nil
	}
	for _, channel := range channels {
		in.addLocked(user, u, channel)
		if tell {
			in.places[place{user, channel}] = struct{}{}
		}
	}
	if !tell {
		return channels
	}
	is := make(map[parley.ChannelID]bool, len(channels))
	for _, channel := range channels {
		is[channel] = true
	}
	for channel := range u.counts {
		if !is[channel] {
			in.removeLocked(user, u, channel)
		}
	}
	return nil
}

// popUnlisted returns the users whose channels must be listed.
func (in *Inboxes) popUnlisted() map[parley.UserID]bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	users := maps.Clone(in.unlisted)
	clear(in.unlisted)
	return users
}

// putUnlisted has a user's channels listed the next time.
func (in *Inboxes) putUnlisted(user parley.UserID, tell bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.users[user] != nil {
		in.unlisted[user] = in.unlisted[user] || tell
	}
}

// popPointed returns the marked channels whose members are notified only that there is more,
// each at most once a second.
func (in *Inboxes) popPointed(now time.Time) map[parley.ChannelID][]parley.UserID {
	in.mu.Lock()
	defer in.mu.Unlock()
	all := map[parley.ChannelID][]parley.UserID{}
	for channel, at := range in.pointed {
		if now.Sub(at) >= time.Second {
			delete(in.pointed, channel)
		}
	}
	for channel := range in.channels {
		if !in.cfg.Pointed(channel) {
			continue
		}
		if _, young := in.pointed[channel]; young {
			continue
		}
		in.pointed[channel] = now
		if r := in.readers[channel]; r != nil {
			all[channel] = slices.Collect(maps.Keys(r.users))
		}
		delete(in.channels, channel)
	}
	return all
}

// uncounted notes that the counts of a channel have changed and are not sent.
func (in *Inboxes) uncounted(channel parley.ChannelID, users []parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, user := range users {
		if u := in.users[user]; u != nil {
			if u.stale == nil {
				u.stale = map[parley.ChannelID]bool{}
			}
			u.stale[channel] = true
		}
	}
}

// popStale returns the channels that must be counted again before a user's total is right.
func (in *Inboxes) popStale(user parley.UserID) (channels []parley.ChannelID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if u := in.users[user]; u != nil && len(u.stale) > 0 {
		channels = slices.Collect(maps.Keys(u.stale))
		clear(u.stale)
	}
	return channels
}

// popPlaces marks the places of marked channels and returns as many as the budget allows.
func (in *Inboxes) popPlaces() map[parley.UserID][]parley.ChannelID {
	in.mu.Lock()
	defer in.mu.Unlock()
	for channel := range in.channels {
		if _, waits := in.pointed[channel]; waits {
			continue
		}
		if r := in.readers[channel]; r != nil {
			for user := range r.users {
				in.places[place{user, channel}] = struct{}{}
			}
		}
		delete(in.channels, channel)
	}
	all, n := map[parley.UserID][]parley.ChannelID{}, 0
	for p := range in.places {
		if n++; n > budget {
			break
		}
		all[p.user] = append(all[p.user], p.channel)
		delete(in.places, p)
	}
	return all
}

// counted records new counts, and returns those that must be sent, and the total.
func (in *Inboxes) counted(user parley.UserID, all []parley.Count, tell bool) (changed []*parley.Count, total int64) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	if u == nil {
		return nil, 0
	}
	for i := range all {
		c := &all[i]
		was, known := u.counts[c.Channel]
		if !known {
			continue
		}
		in.countedFromLocked(user, c.Channel, c.FirstID)
		is := count{c.Unread, c.Mentions, tell}
		is.told = tell || was.told && is.unread == was.unread && is.mentions == was.mentions // else the user knows another count
		u.total += is.unread - was.unread
		if u.counts[c.Channel] = is; tell && is != was {
			changed = append(changed, c)
		}
	}
	return changed, u.total
}
