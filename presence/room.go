package presence

import (
	"math"

	"github.com/parley-server/parley"
)

// member is a user's stay in a channel.
type member struct {
	user  parley.UserID
	since parley.Timestamp
	uses
}

// uses are what keeps a user in a place: connections and held polls, counted by
// transport, and leases.
type uses struct {
	open   [3]uint16 // by WebSocket, SSE, LongPoll; the part above 65,535 is in Tracker.beyond
	leases uint8     // a bit for each kind
}

// onlineUser is a user's stay on this node.
type onlineUser struct {
	id parley.UserID
	uses
}

func (u *onlineUser) name() string { return string(u.id) }

func (u *uses) none() bool { return u.open == [3]uint16{} && u.leases == 0 }

// closed reports whether only leases keep the user.
func (u *uses) closed() bool { return u.open == [3]uint16{} }

// streams reports whether the user has any streams.
func (u *uses) streams() bool {
	return u.open[parley.TransportWebSocket] != 0 || u.open[parley.TransportSSE] != 0
}

// transports returns those in use; a user in the grace after leaving has none.
func (u *uses) transports() (ts parley.Transports) {
	for via, n := range u.open {
		if n > 0 {
			ts = ts.With(parley.Transport(via))
		}
	}
	for _, via := range []parley.Transport{parley.TransportLongPoll, parley.TransportPoll} {
		if u.leases&(1<<via) != 0 {
			ts = ts.With(via)
		}
	}
	return ts
}

// presenceKey is a user in a channel, or with no channel the user on this node.
type presenceKey struct {
	channel parley.ChannelID
	user    parley.UserID
}

// use is one of a member's counters.
type use struct {
	presenceKey
	via parley.Transport
}

// openLocked counts one more; a map holds what exceeds the counter.
func (t *Tracker) openLocked(u *uses, at use) {
	if n := &u.open[at.via]; *n < math.MaxUint16 {
		*n++
		return
	}
	t.beyond[at]++
}

// closeLocked counts one less and reports whether there was one.
func (t *Tracker) closeLocked(u *uses, at use) bool {
	n := &u.open[at.via]
	switch more := t.beyond[at]; {
	case more == 1:
		delete(t.beyond, at)
	case more > 1:
		t.beyond[at]--
	case *n == 0:
		return false
	default:
		*n--
	}
	return true
}

// solo is a channel with one user, which most channels of a large node have.
type solo struct {
	channel parley.ChannelID
	member
}

func (s *solo) name() string { return string(s.channel) }

// crowd is a channel with several users.
type crowd struct {
	channel parley.ChannelID
	members []member
	index   map[parley.UserID]int32 // index of each user; nil while they are few
}

// few is the number of members up to which they are searched linearly.
const few = 16

// find returns a user's index, -1 if there is none.
func (c *crowd) find(user parley.UserID) int {
	if c.index != nil {
		if i, ok := c.index[user]; ok {
			return int(i)
		}
		return -1
	}
	for i := range c.members {
		if c.members[i].user == user {
			return i
		}
	}
	return -1
}

func (c *crowd) add(m member) *member {
	c.members = append(c.members, m)
	switch n := len(c.members); {
	case c.index != nil:
		c.index[m.user] = int32(n - 1)
	case n > few:
		c.index = make(map[parley.UserID]int32, n)
		for i := range c.members {
			c.index[c.members[i].user] = int32(i)
		}
	}
	return &c.members[len(c.members)-1]
}

func (c *crowd) remove(user parley.UserID) {
	i, last := c.find(user), len(c.members)-1
	c.members[i] = c.members[last]
	if c.index != nil {
		c.index[c.members[i].user] = int32(i)
		delete(c.index, user)
	}
	c.members[last] = member{}
	if c.members = c.members[:last]; last <= few/2 {
		c.index = nil
	}
	if cap(c.members) > 4*max(last, few) {
		c.members = append(make([]member, 0, 2*last), c.members...)
	}
}

// usesLocked returns what keeps a user in a place, nil if the user is not there. It is
// valid until a user enters or leaves the channel.
func (t *Tracker) usesLocked(at presenceKey) *uses {
	if at.channel == "" {
		if u := t.users.get(string(at.user)); u != nil {
			return &u.uses
		}
	} else if m := t.memberLocked(at); m != nil {
		return &m.uses
	}
	return nil
}

func (t *Tracker) memberLocked(at presenceKey) *member {
	if s := t.solos.get(string(at.channel)); s != nil && s.user == at.user {
		return &s.member
	}
	if c := t.crowds[at.channel]; c != nil {
		if i := c.find(at.user); i >= 0 {
			return &c.members[i]
		}
	}
	return nil
}

// addLocked begins a stay.
func (t *Tracker) addLocked(at presenceKey, since parley.Timestamp) *uses {
	if at.channel == "" {
		return &t.users.add(onlineUser{id: at.user}).uses
	}
	m := member{user: at.user, since: since}
	c := t.crowds[at.channel]
	if c == nil {
		s := t.solos.get(string(at.channel))
		if s == nil {
			return &t.solos.add(solo{at.channel, m}).uses
		}
		c = &crowd{channel: s.channel, members: []member{s.member}}
		t.solos.remove(string(at.channel))
		t.crowds[c.channel] = c
	}
	return &c.add(m).uses
}

// removeLocked ends a stay.
func (t *Tracker) removeLocked(at presenceKey) {
	if at.channel == "" {
		t.users.remove(string(at.user))
		return
	}
	c := t.crowds[at.channel]
	if c == nil {
		t.solos.remove(string(at.channel))
		return
	}
	if c.remove(at.user); len(c.members) == 1 {
		delete(t.crowds, at.channel)
		t.solos.add(solo{c.channel, c.members[0]})
	}
}

// countLocked returns the number of users in a channel.
func (t *Tracker) countLocked(channel parley.ChannelID) int {
	if c := t.crowds[channel]; c != nil {
		return len(c.members)
	}
	if t.solos.get(string(channel)) != nil {
		return 1
	}
	return 0
}
