package presence

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
)

// Config of a Tracker and a Keeper. The zero value works.
type Config struct {
	Grace time.Duration // how long a user who left may come back unnoticed; 3 s
	TTL   time.Duration // how long one who polled counts as here, and everybody of a node that died; 60 s
	// Tiers says how large a channel may be for each coming and going to be told at
	// once, and for differences to name users; nothing is told if the second is less
	// than the first. nil: Each and Batch. It must not block.
	Tiers func(channel parley.ChannelID) (each, batch int)
	// Budget is how many presence messages, counted where they are received, this
	// node sends in a second before it defers and merges them; 50,000, which is some
	// half of a core's time.
	Budget int

	Store parley.Presence // what is shared with other nodes; nil: there are none, and nobody's last sign is known
	Node  string          // the name of this run of the node in the store
}

// The sizes of a channel at which it is told otherwise who comes and goes.
const (
	Each  = 100
	Batch = 5000
)

func (cfg *Config) defaults() {
	if cfg.Grace == 0 {
		cfg.Grace = 3 * time.Second
	}
	if cfg.TTL == 0 {
		cfg.TTL = time.Minute
	}
	if cfg.Tiers == nil {
		cfg.Tiers = func(parley.ChannelID) (int, int) { return Each, Batch }
	}
	if cfg.Budget == 0 {
		cfg.Budget = 50_000
	}
}

// Tracker knows who is on this node and who is in each of its channels. A user is in
// a place while a connection, a held poll or a lease keeps them there, however many do.
// All methods may be called at the same time, with a time that does not go back.
type Tracker struct {
	// fixed after construction
	tiers func(parley.ChannelID) (each, batch int)
	begin time.Time // leases count from here, so that no jump of the clock moves them

	mu      sync.Mutex
	users   *table[onlineUser, *onlineUser]
	solos   *table[solo, *solo]
	crowds  map[parley.ChannelID]*crowd
	beyond  map[use]uint32
	leases  map[use]*lease
	leaving leases
	polling leases
	hidden  map[parley.UserID]hiding

	news    notices
	watches watches
	log     changes
	latest  time.Duration // when Next was called last
}

// New makes a tracker at a time.
func New(cfg Config, now time.Time) *Tracker {
	cfg.defaults()
	return &Tracker{
		tiers:   cfg.Tiers,
		begin:   now,
		users:   newTable[onlineUser](),
		solos:   newTable[solo](),
		crowds:  map[parley.ChannelID]*crowd{},
		beyond:  map[use]uint32{},
		leases:  map[use]*lease{},
		leaving: leases{lasts: cfg.Grace},
		polling: leases{lasts: cfg.TTL},
		hidden:  map[parley.UserID]hiding{},
		news:    newNews(cfg.Budget),
		watches: newWatches(),
	}
}

// since is a time as leases count it.
func (t *Tracker) since(now time.Time) time.Duration { return now.Sub(t.begin) }

// moment is the reverse, as clients read it.
func (t *Tracker) moment(d time.Duration) parley.Timestamp {
	return parley.Timestamp(t.begin.Add(d).UnixMicro())
}

// Enter counts one more connection, or held poll, of a user who is not a guest in a
// channel; with the channel "" on this node. tell: the user has joined, and that must be
// told at once. If there are other nodes, nothing is: Next says it when they do not have the
// user.
func (t *Tracker) Enter(channel parley.ChannelID, user parley.UserID, name string, via parley.Transport, now time.Time) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := presenceKey{channel, user}
	u, came := t.arriveLocked(at, now)
	before := u.transports()
	if via != parley.TransportLongPoll {
		t.streamLocked(u, at)
	} else if l := t.leases[use{at, via}]; l != nil {
		t.endLocked(u, l) // while the poll is held it needs none, and then it takes a new one
	}
	t.openLocked(u, use{at, via})
	t.changedLocked(at, u, before, came)
	return came && t.joinedLocked(at, name, now)
}

// Leave counts one less. A user whom nothing else keeps goes after the grace; a poll or two
// of an earlier time, or one beside a stream, is nothing (lease.go).
func (t *Tracker) Leave(channel parley.ChannelID, user parley.UserID, name string, via parley.Transport, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.leaveLocked(use{presenceKey{channel, user}, via}, name, false, now)
}

func (t *Tracker) leaveLocked(at use, name string, hidden bool, now time.Time) {
	u := t.usesLocked(at.presenceKey)
	if u == nil {
		return
	}
	before := u.transports()
	if t.closeLocked(u, at) && u.closed() {
		if at.via != parley.TransportLongPoll {
			t.unstreamedLocked(u, at.presenceKey)
		}
		if !t.outlastsLocked(at.presenceKey, t.since(now)) {
			t.leaseLocked(u, use{at.presenceKey, grace}, name, t.since(now))
			t.leases[use{at.presenceKey, grace}].hidden = hidden
		}
	}
	t.changedLocked(at.presenceKey, u, before, false)
}

// Asked keeps a user who has polled, or whose held poll was answered, for the time of
// a lease. tell is as for Enter.
func (t *Tracker) Asked(channel parley.ChannelID, user parley.UserID, name string, via parley.Transport, now time.Time) (tell bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := presenceKey{channel, user}
	u, came := t.arriveLocked(at, now)
	before := u.transports()
	t.leaseLocked(u, use{at, via}, name, t.since(now))
	t.changedLocked(at, u, before, came)
	return came && t.joinedLocked(at, name, now)
}

func (t *Tracker) arriveLocked(at presenceKey, now time.Time) (u *uses, came bool) {
	if u = t.usesLocked(at); u != nil {
		return u, false
	}
	u = t.addLocked(at, parley.Timestamp(now.UnixMicro()))
	if at.channel == "" {
		t.watches.changedLocked(at.user)
	}
	return u, true
}

// joinedLocked tells of one who came to a channel.
func (t *Tracker) joinedLocked(at presenceKey, name string, now time.Time) (tell bool) {
	if t.log.shared {
		t.log.moveLocked(at, true, name)
		return false
	}
	return at.channel != "" && t.tellLocked(at, true, t.countLocked(at.channel), t.since(now))
}

// goneLocked ends the stay of one whom nothing keeps any more.
func (t *Tracker) goneLocked(at presenceKey, seen parley.Timestamp) (count int) {
	count = t.countLocked(at.channel)
	t.removeLocked(at)
	if at.channel == "" {
		t.hideLocked(at.user, hiding{})
	}
	t.log.goneLocked(at, seen)
	if at.channel == "" {
		t.watches.changedLocked(at.user)
	}
	return count
}

// Online tells whether a user is on this node.
func (t *Tracker) Online(user parley.UserID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.get(string(user)) != nil
}

// Users is how many users are on this node.
func (t *Tracker) Users() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.len()
}

// Here says who is in a channel on this node: how many, and at most limit of them,
// in the order of their names.
func (t *Tracker) Here(channel parley.ChannelID, limit int) parley.Occupancy {
	t.mu.Lock()
	defer t.mu.Unlock()
	var ms []member
	if s := t.solos.get(string(channel)); s != nil {
		ms = []member{s.member}
	} else if c := t.crowds[channel]; c != nil {
		ms = c.members
	}
	here := parley.Occupancy{Count: len(ms)}
	for i := range ms[:min(limit, len(ms))] {
		here.Users = append(here.Users, ms[i].stay())
	}
	slices.SortFunc(here.Users, func(a, b parley.Occupant) int { return cmp.Compare(a.User, b.User) })
	return here
}

func (m *member) stay() parley.Occupant {
	return parley.Occupant{User: m.user, Since: m.since, Transports: m.transports()}
}
