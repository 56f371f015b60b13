package presence

import (
	"context"
	"iter"
	"time"

	"github.com/parley-server/parley"
)

// changes must be written to the store. While this node is alone that is only when each absent
// user was last seen.
type changes struct {
	kept   bool // there is a store
	shared bool // there are other nodes
	list   []parley.PresenceChange
	moves  map[presenceKey]move          // that other nodes may have to receive; see moves.go
	moved  []moved                       // those that must be sent
	missed map[parley.ChannelID]struct{} // channels of which this node may have missed events of other nodes
}

// changedLocked records the user's new state in a place, if the user came, or the transports
// differ from those before.
func (t *Tracker) changedLocked(at presenceKey, u *uses, before parley.Transports, came bool) {
	if at.channel == "" && (len(t.hidden) > 0 || u.closed()) {
		if one := t.users.get(string(at.user)); one != nil {
			t.lookLocked(one)
		}
	}
	if t.log.shared && (came || at.channel != "" && u.transports() != before) {
		t.log.list = append(t.log.list, t.hereLocked(at))
	}
}

func (t *Tracker) hereLocked(at presenceKey) parley.PresenceChange {
	c := parley.PresenceChange{User: at.user, Channel: at.channel, Here: true}
	if at.channel != "" {
		s := t.memberLocked(at).stay()
		c.Since, c.Transports = s.Since, s.Transports
	} else {
		c.Hidden = t.hidden[at.user].all
	}
	return c
}

func (l *changes) goneLocked(at presenceKey, seen parley.Timestamp) {
	switch {
	case !l.kept:
	case at.channel == "":
		l.list = append(l.list, parley.PresenceChange{User: at.user, Seen: seen})
	case l.shared:
		l.list = append(l.list, parley.PresenceChange{User: at.user, Channel: at.channel})
	}
}

// takeChanges returns the changes since the last call. share: from now on everything is
// recorded, and the result begins with all users who are here.
func (t *Tracker) takeChanges(share bool) (list []parley.PresenceChange) {
	t.mu.Lock()
	defer t.mu.Unlock()
	list, t.log.list = t.log.list, nil
	if !share {
		return list
	}
	t.log.shared = true
	for at := range t.placesLocked() {
		list = append(list, t.hereLocked(at))
	}
	return list
}

// placesLocked returns all users in all places.
func (t *Tracker) placesLocked() iter.Seq[presenceKey] {
	return func(yield func(presenceKey) bool) {
		for u := range t.users.all {
			if !yield(presenceKey{user: u.id}) {
				return
			}
		}
		for s := range t.solos.all {
			if !yield(presenceKey{s.channel, s.user}) {
				return
			}
		}
		for _, c := range t.crowds {
			for i := range c.members {
				if !yield(presenceKey{c.channel, c.members[i].user}) {
					return
				}
			}
		}
	}
}

// Keeper keeps a store up to date with a tracker, and reads from it what the tracker cannot
// know: users on other nodes, and when absent users were last seen. A node that is alone
// answers for itself and writes only departures to the store.
type Keeper struct {
	// fixed after construction
	tracker *Tracker
	store   parley.Presence // nil: none
	node    string
	ttl     time.Duration

	turn   chan struct{} // holds one token: its holder beats
	unsent []parley.PresenceChange
	all    bool // everything must be written to the store
	shared bool // there are, or were, other nodes
	known  bool // the store has an entry of this node's lease
	failed bool // the last beat did
	reaped time.Time
}

// maxUnsent is for how many users the time of the last sighting waits while the store does not
// respond.
const maxUnsent = 10_000

// flushEvery is how soon a change is written for other nodes.
const flushEvery = 500 * time.Millisecond

// NewKeeper creates the keeper of a tracker.
func NewKeeper(t *Tracker, cfg Config) *Keeper {
	cfg.defaults()
	t.mu.Lock()
	t.log.kept = cfg.Store != nil
	t.mu.Unlock()
	k := &Keeper{tracker: t, store: cfg.Store, node: cfg.Node, ttl: cfg.TTL, turn: make(chan struct{}, 1), all: true}
	k.turn <- struct{}{}
	return k
}

// Run renews the node's lease until ctx ends, then ends the lease. It retries when the store
// does not respond.
func (k *Keeper) Run(ctx context.Context) error {
	if k.store == nil {
		return nil
	}
	tick := time.NewTicker(min(flushEvery, k.ttl/4)) // not a pulse: several nodes should not beat at once
	defer tick.Stop()
	var last, looked time.Time
	for {
		now := time.Now()
		beat := now.Sub(last) >= k.beatEvery() || k.waits()
		if beat || now.Sub(looked) >= k.reapEvery() {
			if looked = now; beat {
				last = now
			}
			if k.flush(ctx, beat) != nil {
				last = time.Time{} // with the next tick
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			k.handOver(end)
			_ = k.store.EndLease(end, k.node) // else its lease ends
			return nil
		}
	}
}

// waits reports whether there is something to write to the store.
func (k *Keeper) waits() bool {
	k.tracker.mu.Lock()
	defer k.tracker.mu.Unlock()
	for _, m := range k.tracker.log.moves {
		if m.ask <= k.tracker.latest {
			return true
		}
	}
	return len(k.tracker.log.list) > 0
}

// flush writes to the store what it does not have yet; beat: even if that is nothing.
func (k *Keeper) flush(ctx context.Context, beat bool) error {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { k.turn <- struct{}{} }()
	for {
		if again, err := k.beat(ctx, beat); err != nil || !again {
			return err
		}
	}
}

// Online reports for each user whether the user is on a node, and visible there, and if not when the user was
// last seen.
func (k *Keeper) Online(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	return k.online(ctx, true, users)
}

// Seen is Online without Visible, which reads nothing from the store for a user on this node.
func (k *Keeper) Seen(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	found, err := k.online(ctx, false, users)
	for i := range found {
		found[i].Visible = false
	}
	return found, err
}

func (k *Keeper) online(ctx context.Context, visible bool, users []parley.UserID) ([]parley.OnlineStatus, error) {
	found := make([]parley.OnlineStatus, len(users))
	var missing []int
	var ask []parley.UserID
	for i, user := range users {
		if found[i] = k.tracker.status(user); !found[i].Online || visible && !found[i].Visible && k.tracker.isShared() {
			missing, ask = append(missing, i), append(ask, user)
		}
	}
	if len(ask) == 0 || k.store == nil {
		return found, nil
	}
	if err := k.flush(ctx, false); err != nil {
		return nil, err
	}
	answers, err := k.store.Online(ctx, ask...)
	if err != nil {
		return nil, err
	}
	for j, i := range missing {
		if !found[i].Online {
			found[i] = answers[j]
		} else {
			found[i].Visible = answers[j].Visible
		}
	}
	return found, nil
}

// Here reports who is in a channel, on all nodes.
func (k *Keeper) Here(ctx context.Context, channel parley.ChannelID, limit int) (parley.Occupancy, error) {
	if k.store == nil {
		return k.tracker.Here(channel, limit), nil
	}
	if err := k.flush(ctx, false); err != nil {
		return parley.Occupancy{}, err
	}
	if !k.tracker.isShared() {
		return k.tracker.Here(channel, limit), nil
	}
	return k.store.Here(ctx, channel, limit)
}

func (t *Tracker) isShared() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.log.shared
}
