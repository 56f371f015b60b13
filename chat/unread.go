package chat

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"parley"
	"parley/wire"
)

// inboxes are the users whose own channel somebody on this node follows: they are told
// when the unread count of one of their channels changes.
//
// (Channels that are fanned out on read, or tiered, are not counted: once a second their
// members are told that there is more.)
//
//	a message ──▶ the channel is marked ──▶ 4 times a second: its readers' places are
//	marked ──▶ as many as the budget allows are counted anew, and told if they changed
//
// So a message costs nothing per reader when it is sent, and a flood in a large channel
// is told as often as there is time for.
type inboxes struct {
	some atomic.Bool // there are users; a message looks no further otherwise

	mu       sync.Mutex
	users    map[parley.UserID]*inboxUser
	readers  map[parley.ChannelID]*inboxReaders
	turn     []parley.ChannelID             // of readers, those whose beginning is still to be looked at
	channels map[parley.ChannelID]struct{}  // marked
	places   map[inboxPlace]struct{}        // marked
	arrived  map[parley.UserID]struct{}     // their channels are not yet known
	pointed  map[parley.ChannelID]time.Time // when those that are not counted were told last
}

// inboxReaders are those who are told of a channel.
type inboxReaders struct {
	users map[parley.UserID]struct{}
	first int64 // who was counted when the channel began before it is marked; 0: nobody was counted
}

type inboxUser struct {
	connections int
	counts      map[parley.ChannelID]inboxCount // what the user was told, or would have been
	total       int64                           // of all
	stale       map[parley.ChannelID]struct{}   // of those whose members are only told that there is more: to be counted with the next total
}

type inboxCount struct {
	unread, mentions int64
	told             bool // else the user may know another count, of before
}

type inboxPlace struct {
	user    parley.UserID
	channel parley.ChannelID
}

const (
	inboxEvery  = 250 * time.Millisecond
	inboxBudget = 500 // places counted each time
)

func newInboxes() *inboxes {
	return &inboxes{users: map[parley.UserID]*inboxUser{}, readers: map[parley.ChannelID]*inboxReaders{},
		channels: map[parley.ChannelID]struct{}{}, places: map[inboxPlace]struct{}{}, arrived: map[parley.UserID]struct{}{}, pointed: map[parley.ChannelID]time.Time{}}
}

// enter says that a connection follows a user's own channel, leave that it has stopped.
func (in *inboxes) enter(user parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	if u == nil {
		u = &inboxUser{counts: map[parley.ChannelID]inboxCount{}}
		in.users[user] = u
		in.arrived[user] = struct{}{}
		in.some.Store(true)
	}
	u.connections++
}

func (in *inboxes) leave(user parley.UserID) {
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
	delete(in.arrived, user)
	in.some.Store(len(in.users) > 0)
}

func (in *inboxes) forgetLocked(user parley.UserID, channel parley.ChannelID) {
	r := in.readers[channel]
	if r == nil {
		return
	}
	if delete(r.users, user); len(r.users) == 0 {
		delete(in.readers, channel)
	}
}

// posted says that the counts of a channel's members may have changed.
func (in *inboxes) posted(channel parley.ChannelID) {
	if !in.some.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.readers[channel] != nil || len(in.arrived) > 0 {
		in.channels[channel] = struct{}{}
	}
}

// touched says that a user's own count in a channel may have changed.
func (in *inboxes) touched(user parley.UserID, channel parley.ChannelID) {
	if !in.some.Load() {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.users[user] != nil {
		in.places[inboxPlace{user, channel}] = struct{}{}
	}
}

// moved says that a user has joined a channel, or left it.
func (in *inboxes) moved(user parley.UserID, channel parley.ChannelID, joined bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	u := in.users[user]
	switch {
	case u == nil:
	case joined:
		in.addLocked(user, u, channel)
		u.counts[channel] = inboxCount{told: true} // who joins has read everything
		in.places[inboxPlace{user, channel}] = struct{}{}
	default:
		u.total -= u.counts[channel].unread
		delete(u.counts, channel)
		delete(u.stale, channel)
		in.forgetLocked(user, channel)
	}
}

func (in *inboxes) addLocked(user parley.UserID, u *inboxUser, channel parley.ChannelID) {
	if _, known := u.counts[channel]; known {
		return
	}
	u.counts[channel] = inboxCount{}
	r := in.readers[channel]
	if r == nil {
		r = &inboxReaders{users: map[parley.UserID]struct{}{}}
		in.readers[channel] = r
	}
	r.users[user] = struct{}{}
}

// run counts and tells, until ctx ends.
func (s *Service) runInboxes(ctx context.Context) {
	tick := time.NewTicker(inboxEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.tellInboxes(ctx)
		}
	}
}

func (s *Service) tellInboxes(ctx context.Context) {
	in := s.inboxes
	for _, user := range in.takeArrived() {
		channels, err := s.Mine(ctx, user)
		in.mu.Lock()
		if err != nil {
			if in.users[user] != nil {
				in.arrived[user] = struct{}{} // the next time
			}
			in.mu.Unlock()
			continue
		}
		if u := in.users[user]; u != nil {
			for _, channel := range channels {
				in.addLocked(user, u, channel)
			}
		}
		in.mu.Unlock()
		s.countInboxes(ctx, user, channels, false)
	}
	s.checkTrimmed(ctx)
	for channel, users := range in.point(s.clock(), func(c parley.ChannelID) bool { f := s.spaces.Of(c).Fanout; return f == OnRead || f == Tiered }) {
		s.pointInboxes(ctx, channel, users)
	}
	for user, channels := range in.take() {
		if stale := in.takeStale(user); stale != nil {
			s.countInboxes(ctx, user, stale, false)
		}
		s.countInboxes(ctx, user, channels, true)
	}
}

// point takes the marked channels whose members are only told that there is more, each
// at most once a second.
func (in *inboxes) point(now time.Time, only func(parley.ChannelID) bool) map[parley.ChannelID][]parley.UserID {
	in.mu.Lock()
	defer in.mu.Unlock()
	taken := map[parley.ChannelID][]parley.UserID{}
	for channel, at := range in.pointed {
		if now.Sub(at) >= time.Second {
			delete(in.pointed, channel)
		}
	}
	for channel := range in.channels {
		if !only(channel) {
			continue
		}
		if _, young := in.pointed[channel]; young {
			continue
		}
		in.pointed[channel] = now
		if r := in.readers[channel]; r != nil {
			taken[channel] = slices.Collect(maps.Keys(r.users))
		}
		delete(in.channels, channel)
	}
	return taken
}

func (s *Service) pointInboxes(ctx context.Context, channel parley.ChannelID, users []parley.UserID) {
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return // the next message tells
	}
	more := wire.More(nil, channel, bs[0].Last)
	s.inboxes.uncounted(channel, users)
	for _, user := range users {
		s.feed.Hub().Event(parley.ChannelID("@"+user), parley.Event{Name: "more", Object: more})
	}
}

// uncounted says that the counts of a channel have changed and are not told.
func (in *inboxes) uncounted(channel parley.ChannelID, users []parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, user := range users {
		if u := in.users[user]; u != nil {
			if u.stale == nil {
				u.stale = map[parley.ChannelID]struct{}{}
			}
			u.stale[channel] = struct{}{}
		}
	}
}

// takeStale takes the channels that a user's total needs to be counted anew.
func (in *inboxes) takeStale(user parley.UserID) (channels []parley.ChannelID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if u := in.users[user]; u != nil && len(u.stale) > 0 {
		channels = slices.Collect(maps.Keys(u.stale))
		clear(u.stale)
	}
	return channels
}

func (in *inboxes) takeArrived() (users []parley.UserID) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for user := range in.arrived {
		users = append(users, user)
	}
	clear(in.arrived)
	return users
}

// take marks the places of marked channels and takes as many as the budget allows.
func (in *inboxes) take() map[parley.UserID][]parley.ChannelID {
	in.mu.Lock()
	defer in.mu.Unlock()
	for channel := range in.channels {
		if _, waits := in.pointed[channel]; waits {
			continue
		}
		if r := in.readers[channel]; r != nil {
			for user := range r.users {
				in.places[inboxPlace{user, channel}] = struct{}{}
			}
		}
		delete(in.channels, channel)
	}
	taken, n := map[parley.UserID][]parley.ChannelID{}, 0
	for p := range in.places {
		if n++; n > inboxBudget {
			break
		}
		taken[p.user] = append(taken[p.user], p.channel)
		delete(in.places, p)
	}
	return taken
}

// countInboxes counts anew how some of a user's channels stand; tell: and tells what
// has changed.
func (s *Service) countInboxes(ctx context.Context, user parley.UserID, channels []parley.ChannelID, tell bool) {
	_, all, err := s.counts(ctx, user, channels)
	if err != nil {
		return // a count that is told late; reading the inbox shows it
	}
	changed, total := s.inboxes.counted(user, all, tell)
	for _, c := range changed {
		s.feed.Hub().Event(parley.ChannelID("@"+user), parley.Event{Name: "unread", Object: wire.Unread(nil, c, total)})
	}
}

// counted takes new counts in, and says of which the user is to be told, and the total.
func (in *inboxes) counted(user parley.UserID, all []parley.Count, tell bool) (changed []*parley.Count, total int64) {
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
		is := inboxCount{c.Unread, c.Mentions, tell}
		is.told = tell || was.told && is.unread == was.unread && is.mentions == was.mentions // else the user knows another count
		u.total += is.unread - was.unread
		if u.counts[c.Channel] = is; tell && is != was {
			changed = append(changed, c)
		}
	}
	return changed, u.total
}
