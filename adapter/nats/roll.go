package nats

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/lastseen"
)

// roll says which users are where, computed from the operations in the stream. It is pure: the same operations in the
// same order, each with the store's time, make the same roll on every node.
type roll struct {
	now   parley.Timestamp // of the last operation; it never goes back
	nodes map[string]*lease
	rooms map[parley.ChannelID]*room // "": users who are online
	ended []parley.Gone              // not reaped yet
	spent []spent                    // not needed once that was reaped
	parts map[string]part            // by author, of incomplete operations
	seen  lastseen.Memory
}

// part is the first part of an operation.
type part struct {
	number int64
	list   []parley.PresenceChange
	size   int
}

// lease is a node's lease.
type lease struct {
	name        string
	beat, until parley.Timestamp
	last        uint64 // the sequence of its last operation
	base        int    // bytes of the operation that stated everything
	logged      int    // and of those after it
	ttl         int64
}

// spent are the operations of a lease that has ended.
type spent struct {
	node  string
	until uint64 // the sequence after its last one
}

// maxSeen is for how many absent users the last sighting is kept: about 10 MB.
const maxSeen = 100_000

func newRoll() *roll {
	return &roll{nodes: map[string]*lease{}, rooms: map[parley.ChannelID]*room{}, parts: map[string]part{},
		seen: lastseen.Memory{Most: maxSeen}}
}

// answer is the answer to an operation, for its author.
type answer struct {
	lease parley.Lease
	gone  []parley.Gone
	spent []spent
	heavy bool // the node's operations are much larger than what they state
}

// apply applies an operation of a number of bytes with its sequence and time. own reports whether the
// answer is needed.
func (r *roll) apply(o *operation, size int, seq uint64, at parley.Timestamp, own bool) (a answer) {
	r.now = max(r.now, at)
	r.expire()
	before := r.parts[o.author]
	if before.number != o.number { // its author gave up
		before = part{}
	}
	list := append(before.list, o.list...)
	size += before.size
	if o.more {
		r.parts[o.author] = part{o.number, list, size}
		return a
	}
	delete(r.parts, o.author)
	switch n := r.nodes[o.node]; o.kind {
	case beatOf:
		return r.beat(o, list, size, seq, own)
	case endOf:
		if n != nil {
			n.last = seq
			r.end(n)
		}
	case reaping:
		a.gone, a.spent = r.unique(r.ended), r.spent
		r.ended, r.spent = nil, nil
	}
	return a
}

func (r *roll) beat(o *operation, list []parley.PresenceChange, size int, seq uint64, own bool) (a answer) {
	n, known := r.nodes[o.node]
	if !known {
		n = &lease{name: o.node}
		r.nodes[o.node] = n
	} else if o.all {
		r.clear(n)
	}
	if n.logged += size; o.all {
		n.base, n.logged = size, 0
	}
	n.beat, n.until, n.last, n.ttl = r.now, r.now+parley.Timestamp(o.ttl), seq, o.ttl
	for i := range list {
		r.change(n, &list[i])
	}
	if !own {
		return a
	}
	a.heavy = n.logged > minHeavy+n.base
	a.lease = parley.Lease{Known: known, Others: len(r.nodes) - 1, Elsewhere: make([]bool, len(list))}
	for i, c := range list {
		a.lease.Elsewhere[i] = r.elsewhere(c.User, c.Channel, n, r.now)
	}
	return a
}

// minHeavy is how many bytes of redundant operations a node may have.
const minHeavy = 64 << 10

func (r *roll) change(n *lease, c *parley.PresenceChange) {
	if !c.Here {
		r.remove(n, c.User, c.Channel)
		if c.Channel == "" {
			r.seen.Note(c.User, c.Seen)
		}
		return
	}
	in := r.rooms[c.Channel]
	if in == nil {
		in = new(room)
		r.rooms[parley.ChannelID(strings.Clone(string(c.Channel)))] = in
	}
	user := parley.UserID(strings.Clone(string(c.User))) // it must not keep the whole operation in memory
	in.put(user, stay{n, c.Since, c.Transports, c.Hidden})
}

func (r *roll) remove(n *lease, user parley.UserID, channel parley.ChannelID) {
	if in := r.rooms[channel]; in != nil && in.remove(user, n) && in.empty() {
		delete(r.rooms, channel)
	}
}

// expire ends expired leases.
func (r *roll) expire() {
	for _, n := range r.nodes {
		if n.until <= r.now {
			r.end(n)
		}
	}
}

// end ends a lease; its last beat was the last sighting of its users.
func (r *roll) end(n *lease) {
	for _, g := range r.clear(n) {
		if g.Channel == "" {
			r.seen.Note(g.User, g.Seen)
		}
		r.ended = append(r.ended, g)
	}
	delete(r.nodes, n.name)
	r.spent = append(r.spent, spent{n.name, n.last + 1})
}

// clear removes what a node holds, and returns it.
func (r *roll) clear(n *lease) (held []parley.Gone) {
	for channel, in := range r.rooms {
		for _, user := range in.of(n) {
			in.remove(user, n)
			held = append(held, parley.Gone{User: user, Channel: channel, Seen: n.beat})
		}
		if in.empty() {
			delete(r.rooms, channel)
		}
	}
	return held
}

// unique returns each place once, without those that have a user now.
func (r *roll) unique(ended []parley.Gone) (gone []parley.Gone) {
	once := map[parley.Gone]bool{}
	for _, g := range ended {
		if at := (parley.Gone{User: g.User, Channel: g.Channel}); !once[at] && !r.elsewhere(g.User, g.Channel, nil, r.now) {
			once[at] = true
			gone = append(gone, g)
		}
	}
	return gone
}

// all returns what a node holds, as changes.
func (r *roll) all(n *lease) (list []parley.PresenceChange) {
	for channel, in := range r.rooms {
		in.each(func(user parley.UserID, s stay) {
			if s.node == n {
				list = append(list, parley.PresenceChange{User: user, Channel: channel, Here: true, Since: s.since, Transports: s.transports,
					Hidden: s.hidden})
			}
		})
	}
	return list
}

// elsewhere reports whether a node other than but, with a running lease at a time, has a user in a
// place.
func (r *roll) elsewhere(user parley.UserID, channel parley.ChannelID, but *lease, at parley.Timestamp) bool {
	in := r.rooms[channel]
	return in != nil && slices.ContainsFunc(in.stays(user), func(s stay) bool { return s.node != but && s.node.until > at })
}

// lapsed reports whether there is something to reap at a time.
func (r *roll) lapsed(at parley.Timestamp) bool {
	for _, n := range r.nodes {
		if n.until <= at {
			return true
		}
	}
	return len(r.ended)+len(r.spent) > 0
}

// online reports whether a user is online at a time, and if not when the user was last seen.
func (r *roll) online(user parley.UserID, at parley.Timestamp) parley.OnlineStatus {
	is := parley.OnlineStatus{User: user}
	ended := parley.Timestamp(0) // a lease has ended since the last operation
	if in := r.rooms[""]; in != nil {
		for _, s := range in.stays(user) {
			if s.node.until <= at {
				ended = max(ended, s.node.beat)
				continue
			}
			is.Online, is.Visible = true, is.Visible || !s.hidden
		}
	}
	if !is.Online {
		is.Seen = max(r.seen.Of(user), ended)
	}
	return is
}

// here reports who is in a channel at a time.
func (r *roll) here(channel parley.ChannelID, limit int, at parley.Timestamp) (o parley.Occupancy) {
	in := r.rooms[channel]
	if in == nil {
		return o
	}
	found := map[parley.UserID]parley.Occupant{}
	in.each(func(user parley.UserID, s stay) {
		if s.node.until <= at {
			return
		}
		is := parley.Occupant{User: user, Since: s.since, Transports: s.transports}
		if other, twice := found[user]; twice {
			is.Since, is.Transports = min(is.Since, other.Since), is.Transports|other.Transports
		}
		found[user] = is
	})
	o.Count = len(found)
	for _, is := range found {
		o.Users = append(o.Users, is)
	}
	slices.SortFunc(o.Users, func(a, b parley.Occupant) int { return cmp.Compare(a.User, b.User) })
	o.Users = o.Users[:min(limit, len(o.Users))]
	return o
}

// micros returns a time as the roll counts it.
func micros(t time.Time) parley.Timestamp { return parley.Timestamp(t.UnixMicro()) }
