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
	Grace time.Duration // how long a user who left may return without being reported as left; 3 s
	TTL   time.Duration // how long a user who polled counts as present, and every user of a node that died; 60 s
	// Tiers returns the sizes of a channel up to which each arrival and departure is sent at
	// once, and up to which differences name users; nothing is sent if the second is less than
	// the first. nil: Each and Batch. It must not block.
	Tiers func(channel parley.ChannelID) (each, batch int)
	// Budget is how many presence messages, counted at the receivers, this node sends in a
	// second before it defers and merges them; 50,000, which take about half a core.
	Budget int
	Clock  func() time.Time // time.Now

	Store parley.Presence // shared with other nodes; nil: there are none, and it is not recorded when users were last seen
	Node  string          // the name of this run of the node in the store
}

// The default sizes of a channel at which its presence is sent in another way.
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
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
}

// Tracker tracks which users are on this node and in each of its channels. A user is in a place
// while at least one connection, held poll or lease keeps the user there. All methods may be
// called concurrently, with a time that does not decrease.
type Tracker struct {
	// fixed after construction
	tiers func(parley.ChannelID) (each, batch int)
	begin time.Time // leases count from here, so no jump of the clock affects them
	clock func() time.Time
	work  work

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
	latest  time.Duration // when Next was called last: up to now while there are leases or moves
}

// New creates a tracker at a time.
func New(cfg Config, now time.Time) *Tracker {
	cfg.defaults()
	work := newWork()
	return &Tracker{
		tiers:   cfg.Tiers,
		begin:   now,
		clock:   cfg.Clock,
		work:    work,
		users:   newTable[onlineUser](),
		solos:   newTable[solo](),
		crowds:  map[parley.ChannelID]*crowd{},
		beyond:  map[use]uint32{},
		leases:  map[use]*lease{},
		leaving: leases{lasts: cfg.Grace},
		polling: leases{lasts: cfg.TTL},
		hidden:  map[parley.UserID]hiding{},
		news:    newNews(cfg.Budget),
		watches: newWatches(work.changed),
	}
}

// since converts a time to the form that leases use.
func (t *Tracker) since(now time.Time) time.Duration { return now.Sub(t.begin) }

// now is the present time in that form.
func (t *Tracker) now() time.Duration { return t.since(t.clock()) }

// moment is the reverse, in the form that clients read.
func (t *Tracker) moment(d time.Duration) parley.Timestamp {
	return parley.Timestamp(t.begin.Add(d).UnixMicro())
}

// Enter counts one more connection, or held poll, of a user who is not a guest in a channel;
// with the channel "" on this node. tell reports whether the user has joined, and that must be
// sent at once. It is false if there are other nodes: Next returns the arrival when they do not
// have the user.
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

// Leave counts one less. A user whom nothing else keeps leaves after the grace. Polls before a
// stream, or one during it, do not extend presence (lease.go).
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

// Asked keeps a user who has polled, or whose held poll was answered, for the duration of a
// lease. tell is as for Enter.
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

// joinedLocked reports a user who entered a channel.
func (t *Tracker) joinedLocked(at presenceKey, name string, now time.Time) (tell bool) {
	if t.log.shared {
		t.moveLocked(at, true, name)
		return false
	}
	return at.channel != "" && t.tellLocked(at, true, t.countLocked(at.channel), t.since(now))
}

// goneLocked ends the stay of a user whom nothing keeps any more.
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

// Online reports whether a user is on this node.
func (t *Tracker) Online(user parley.UserID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.get(string(user)) != nil
}

// Users returns the number of users on this node.
func (t *Tracker) Users() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.users.len()
}

// Here reports who is in a channel on this node: the number of users, and at most limit of
// them, in the order of their names.
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
