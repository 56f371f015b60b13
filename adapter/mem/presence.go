package mem

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/lastseen"
)

// PresenceConfig configures a Presence. The zero value works.
type PresenceConfig struct {
	Clock    func() time.Time // time.Now
	Remember int              // how many absent users' last-seen times are kept; 100,000, about 10 MB
}

// Presence implements parley.Presence.
type Presence struct {
	// fixed after construction
	clock func() time.Time

	mu    sync.Mutex
	nodes map[string]*node // nodes with a lease, which may have ended
	ended []parley.Gone    // not reaped yet
	seen  lastseen.Memory
}

var _ parley.Presence = (*Presence)(nil)

// node is the data that one node wrote.
type node struct {
	beat  time.Time // time of the last beat
	until time.Time
	users map[parley.UserID]bool // true: hidden
	rooms map[parley.ChannelID]map[parley.UserID]parley.Occupant
}

// NewPresence creates a Presence without users.
func NewPresence(cfg PresenceConfig) *Presence {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Remember == 0 {
		cfg.Remember = 100_000
	}
	return &Presence{clock: cfg.Clock, nodes: map[string]*node{}, seen: lastseen.Memory{Most: cfg.Remember}}
}

// Beat implements parley.Presence.
func (p *Presence) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	if err := ctx.Err(); err != nil {
		return parley.Lease{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.expireLocked()
	n, known := p.nodes[b.Node]
	if !known || b.All {
		n = &node{users: map[parley.UserID]bool{}, rooms: map[parley.ChannelID]map[parley.UserID]parley.Occupant{}}
		p.nodes[b.Node] = n
	}
	n.beat, n.until = now, now.Add(b.TTL)
	for _, c := range b.Changes {
		switch {
		case c.Channel != "":
			n.stay(c)
		case c.Here:
			n.users[c.User] = c.Hidden
		default:
			delete(n.users, c.User)
			p.seen.Note(c.User, c.Seen)
		}
	}
	lease := parley.Lease{Known: known, Others: len(p.nodes) - 1, Elsewhere: make([]bool, len(b.Changes))}
	for i, c := range b.Changes {
		lease.Elsewhere[i] = p.hasLocked(c.User, c.Channel, n)
	}
	return lease, nil
}

// hasLocked reports whether a node other than but has a user in a channel.
func (p *Presence) hasLocked(user parley.UserID, channel parley.ChannelID, but *node) bool {
	for _, n := range p.nodes {
		_, here := n.users[user]
		if channel != "" {
			_, here = n.rooms[channel][user]
		}
		if here && n != but {
			return true
		}
	}
	return false
}

// Reap implements parley.Presence.
func (p *Presence) Reap(ctx context.Context) (gone []parley.Gone, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	once := map[parley.Gone]bool{}
	for _, g := range p.ended {
		if at := (parley.Gone{User: g.User, Channel: g.Channel}); !once[at] && !p.hasLocked(g.User, g.Channel, nil) {
			once[at] = true
			gone = append(gone, g)
		}
	}
	p.ended = nil
	return gone, nil
}

func (n *node) stay(c parley.PresenceChange) {
	room := n.rooms[c.Channel]
	switch {
	case c.Here && room == nil:
		room = map[parley.UserID]parley.Occupant{}
		n.rooms[c.Channel] = room
		fallthrough
	case c.Here:
		room[c.User] = parley.Occupant{User: c.User, Since: c.Since, Transports: c.Transports}
	default:
		if delete(room, c.User); len(room) == 0 {
			delete(n.rooms, c.Channel)
		}
	}
}

// Online implements parley.Presence.
func (p *Presence) Online(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	found := make([]parley.OnlineStatus, len(users))
	for i, user := range users {
		found[i] = parley.OnlineStatus{User: user, Online: p.hasLocked(user, "", nil)}
		for _, n := range p.nodes {
			hidden, here := n.users[user]
			found[i].Visible = found[i].Visible || here && !hidden
		}
		if !found[i].Online {
			found[i].Seen = p.seen.Of(user)
		}
	}
	return found, nil
}

// Here implements parley.Presence.
func (p *Presence) Here(ctx context.Context, channel parley.ChannelID, limit int) (parley.Occupancy, error) {
	if err := ctx.Err(); err != nil {
		return parley.Occupancy{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	all := map[parley.UserID]parley.Occupant{}
	for _, n := range p.nodes {
		for user, s := range n.rooms[channel] {
			if other, twice := all[user]; twice {
				s.Since, s.Transports = min(s.Since, other.Since), s.Transports|other.Transports
			}
			all[user] = s
		}
	}
	here := parley.Occupancy{Count: len(all)}
	for _, s := range all {
		here.Users = append(here.Users, s)
	}
	slices.SortFunc(here.Users, func(a, b parley.Occupant) int { return cmp.Compare(a.User, b.User) })
	here.Users = here.Users[:min(limit, len(here.Users))]
	return here, nil
}

// EndLease implements parley.Presence.
func (p *Presence) EndLease(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	if p.nodes[name] != nil {
		p.endLocked(name)
	}
	return nil
}

// expireLocked ends the leases that have expired.
func (p *Presence) expireLocked() (now time.Time) {
	now = p.clock()
	for name, n := range p.nodes {
		if !now.Before(n.until) {
			p.endLocked(name)
		}
	}
	return now
}

// endLocked removes a node; its users were last seen at its last beat.
func (p *Presence) endLocked(name string) {
	n := p.nodes[name]
	delete(p.nodes, name)
	at := parley.Timestamp(n.beat.UnixMicro())
	for user := range n.users {
		p.seen.Note(user, at)
		p.ended = append(p.ended, parley.Gone{User: user, Seen: at})
	}
	for channel, room := range n.rooms {
		for user := range room {
			p.ended = append(p.ended, parley.Gone{User: user, Channel: channel, Seen: at})
		}
	}
}
