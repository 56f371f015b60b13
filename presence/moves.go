package presence

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/parley-server/parley"
)

// When there are other nodes, an arrival or departure is sent after the store has confirmed that no other
// node has the user in that place:
//
//	came ──▶ moves ──Beat: elsewhere──▶ nothing
//	gone       │          └─not──▶ moved ──Next: tiers, budget──▶ sent, here and on other nodes
//	           └──the opposite before it is sent──▶ nothing
//
// Others may receive an arrival on another node before the earlier departure here. So the store is
// asked again some time after a departure was sent, and if the user is there again an arrival is
// sent. A user who returns to this node before that is sent as an arrival in any case.
// If the store does not respond, moves are sent later. The places of a node whose lease has ended go
// to the node that reaps them: a user who was seen within the grace is in the grace there, as if the
// user had been on that node.

// move is an arrival or departure that has not been sent.
type move struct {
	came bool
	name string
	ask  time.Duration // the departure was sent: when to ask whether it is still true; else 0
	left time.Duration // of an arrival after a departure that was sent: the ask of that; else 0
}

// moved is a move that must be sent.
type moved struct {
	presenceKey
	move
	count int // of users in the channel on all nodes, after it
}

func (t *Tracker) moveLocked(at presenceKey, came bool, name string) {
	is := move{came: came, name: name}
	if was, waits := t.log.moves[at]; waits {
		if is, waits = was.followedBy(is); !waits {
			delete(t.log.moves, at)
			return
		}
	}
	t.putMoveLocked(at, is)
}

func (t *Tracker) putMoveLocked(at presenceKey, m move) {
	if t.log.moves == nil {
		t.log.moves = map[presenceKey]move{}
	}
	t.log.moves[at] = m
	t.work.next.Need()
}

// followedBy returns what is left of a move and a newer one, if anything is.
func (m move) followedBy(newer move) (move, bool) {
	switch {
	case newer.came && (m.ask != 0 || m.came):
		newer.left = max(m.ask, m.left)
	case m.ask == 0 && m.came != newer.came && newer.ask == 0: // the first was not sent
		return move{ask: m.left}, m.left != 0
	}
	return newer, true
}

// movedLocked decides how the next move is sent.
func (t *Tracker) movedLocked(now time.Duration) (what News, ok bool) {
	for len(t.log.moved) > 0 {
		m := t.log.moved[0]
		t.log.moved[0] = moved{}
		if t.log.moved = t.log.moved[1:]; len(t.log.moved) == 0 {
			t.log.moved = nil
		}
		if m.channel == "" {
			return News{User: m.user, Came: m.came}, true
		}
		count := m.count
		if !m.came {
			count++
		}
		if t.tellLocked(m.presenceKey, m.came, count, now) {
			return News{Channel: m.channel, User: m.user, Came: m.came, Name: m.name, Count: m.count}, true
		}
	}
	return News{}, false
}

// takeMoves returns the moves for which the store must be asked now.
func (t *Tracker) takeMoves() (all map[presenceKey]move) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, m := range t.log.moves {
		if m.ask <= t.latest {
			if all == nil {
				all = map[presenceKey]move{}
			}
			all[at] = m
			delete(t.log.moves, at)
		}
	}
	return all
}

// returnMoves puts moves back, so that the store is asked again.
func (t *Tracker) returnMoves(all map[presenceKey]move) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at, m := range all {
		if newer, both := t.log.moves[at]; both {
			if m, both = m.followedBy(newer); !both {
				delete(t.log.moves, at)
				continue
			}
		}
		t.putMoveLocked(at, m)
	}
}

// tellMoves passes moves to Next.
func (t *Tracker) tellMoves(all []moved) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.log.moved = append(t.log.moved, all...)
	t.work.next.Need()
}

// changeOf is the change that is written for a move, so that the store answers whether the user
// is elsewhere.
func (t *Tracker) changeOf(at presenceKey) parley.PresenceChange {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.usesLocked(at) != nil {
		return t.hereLocked(at)
	}
	return parley.PresenceChange{User: at.user, Channel: at.channel}
}

// inherit takes over what nodes held whose leases have ended. A user who is here stays, without a
// notification. hold: the others are kept for the grace, since they may be moving to another node;
// else only those who were seen within it. It returns the places that the users are in here.
func (t *Tracker) inherit(gone []parley.Gone, hold bool) (kept map[presenceKey]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	kept = map[presenceKey]bool{}
	now := t.now()
	for _, g := range gone {
		at := presenceKey{g.Channel, g.User}
		switch m, moves := t.log.moves[at]; {
		case t.usesLocked(at) != nil:
			kept[at] = true
			if moves && m.came && m.left == 0 {
				delete(t.log.moves, at)
			}
		case moves && m.ask == 0: // has left here too, which must still be sent
		case hold || g.Seen+parley.Timestamp(t.leaving.lasts.Microseconds()) > t.moment(now):
			u := t.addLocked(at, g.Seen)
			t.leaseLocked(u, use{at, grace}, "", now)
			l := t.leases[use{at, grace}]
			l.seen, l.hidden = t.since(time.UnixMicro(int64(g.Seen))), true // not visible: their connections are gone
			if at.channel == "" {
				t.lookLocked(t.users.get(string(at.user)))
			}
			t.log.list = append(t.log.list, t.hereLocked(at))
		default:
			t.moveLocked(at, false, "")
		}
	}
	return kept
}

// returned sends all users here again, except some: the others may have been notified that they left.
func (t *Tracker) returned(but map[presenceKey]bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := range t.placesLocked() {
		if _, moves := t.log.moves[at]; !moves && !but[at] {
			t.moveLocked(at, true, "")
		}
	}
}

// beatEvery is how often a node beats without changes.
func (k *Keeper) beatEvery() time.Duration { return min(5*time.Second, k.ttl/4) }

// reapEvery is how often a node reaps the places of others, so that users of a dead node are
// reported as left within seconds after its lease.
func (k *Keeper) reapEvery() time.Duration { return min(2*time.Second, k.ttl/10) }

// reap takes over what nodes held whose leases have ended. It does so before an arrival is sent,
// because the user may come from such a node.
func (k *Keeper) reap(ctx context.Context, came bool) (kept map[presenceKey]bool, err error) {
	if !k.shared || !came && !k.all && time.Since(k.reaped) < k.reapEvery() {
		return nil, nil
	}
	gone, err := k.store.Reap(ctx)
	if err != nil {
		return nil, err
	}
	k.reaped = time.Now()
	// After a store that was away the others have yet to say that they live.
	return k.tracker.inherit(gone, k.failed), nil
}

// beat writes to the store once. again reports that everything must be written.
func (k *Keeper) beat(ctx context.Context, beat bool) (again bool, err error) {
	all := k.all
	k.all = true // unless it succeeds
	kept, err := k.reap(ctx, k.tracker.comes())
	if err != nil {
		k.failed = true
		return false, err
	}
	moves := k.tracker.takeMoves()
	fresh := k.tracker.takeChanges(all && k.shared)
	if k.unsent = append(k.unsent, fresh...); len(k.unsent)+len(moves) == 0 && !all && !beat {
		k.all = false
		return false, nil
	}
	changes, answers := k.ask(moves)
	lease, err := k.store.Beat(ctx, parley.Beat{Node: k.node, TTL: k.ttl, All: all, Changes: changes})
	if err != nil {
		k.failed = true
		k.tracker.returnMoves(moves)
		// The present users will be sent in their state at that time; only the times of last sightings must be kept.
		k.unsent = slices.DeleteFunc(k.unsent, func(c parley.PresenceChange) bool { return c.Here || c.Channel != "" })
		k.unsent = k.unsent[max(0, len(k.unsent)-maxUnsent):]
		return false, err
	}
	k.unsent, k.failed = nil, false
	if k.shared && k.known && !lease.Known {
		k.tracker.returned(kept)
	}
	k.known = true
	k.settle(ctx, moves, answers, lease.Elsewhere)
	joined := lease.Others > 0 && !k.shared
	k.shared = k.shared || joined
	k.all = joined || !lease.Known && !all
	return k.all, nil
}

// handOver is the last beat of a node that shuts down, from which on the others count how long its
// users may be away. It leaves unsent moves to them: a user who has come is not here, and a user who
// has left is.
func (k *Keeper) handOver(ctx context.Context) {
	select {
	case <-k.turn: // nothing is written to the store any more
	case <-ctx.Done():
		return
	}
	if !k.shared {
		return
	}
	changes := append(k.unsent, k.tracker.takeChanges(k.all)...)
	for at, came := range k.tracker.takeUntold() {
		changes = append(changes, parley.PresenceChange{User: at.user, Channel: at.channel, Here: !came})
	}
	_, _ = k.store.Beat(ctx, parley.Beat{Node: k.node, TTL: k.ttl, All: k.all, Changes: changes})
}

// takeUntold takes all moves that have not been sent, which then never are.
func (t *Tracker) takeUntold() map[presenceKey]bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	untold := map[presenceKey]bool{}
	add := func(at presenceKey, came bool) {
		if first, both := untold[at]; both && first != came {
			delete(untold, at) // the others know what was before the first, which is how it is
			return
		}
		untold[at] = came
	}
	for channel, d := range t.news.waiting {
		for user, came := range d.names {
			add(presenceKey{channel, user}, came)
		}
	}
	for _, m := range t.log.moved {
		add(m.presenceKey, m.came)
	}
	for at, m := range t.log.moves {
		if m.ask == 0 {
			add(at, m.came)
		}
	}
	t.log.moved, t.log.moves, t.news.waiting, t.news.queue = nil, nil, map[parley.ChannelID]*difference{}, nil
	return untold
}

// ask returns the changes of a beat, and the index of the change that answers each move.
func (k *Keeper) ask(moves map[presenceKey]move) (changes []parley.PresenceChange, answers map[presenceKey]int) {
	changes = k.unsent
	if len(moves) == 0 {
		return changes, nil
	}
	answers = make(map[presenceKey]int, len(moves))
	for i, c := range changes {
		at := presenceKey{c.Channel, c.User}
		if _, moved := moves[at]; moved {
			answers[at] = i
		}
	}
	for at := range moves {
		if _, asked := answers[at]; !asked {
			answers[at] = len(changes)
			changes = append(changes, k.tracker.changeOf(at))
		}
	}
	return changes, answers
}

// settle passes on the moves of users who are on no other node.
func (k *Keeper) settle(ctx context.Context, moves map[presenceKey]move, answers map[presenceKey]int, elsewhere []bool) {
	var told []moved
	again := map[presenceKey]move{}
	counts := map[parley.ChannelID]int{}
	for at, m := range moves {
		i := answers[at]
		if elsewhere := i < len(elsewhere) && elsewhere[i]; elsewhere != (m.ask != 0) && m.left == 0 {
			continue
		}
		if m.ask != 0 {
			m = move{came: true}
		} else if !m.came {
			again[at] = move{ask: k.tracker.askAgain()}
		}
		if _, counted := counts[at.channel]; !counted && at.channel != "" && k.tracker.tells(at.channel) {
			counts[at.channel] = k.count(ctx, at.channel)
		}
		told = append(told, moved{at, m, counts[at.channel]})
	}
	k.tracker.tellMoves(told)
	k.tracker.returnMoves(again)
}

// askAfter is how long after a departure was sent the store is asked again: by then a node to which
// the user has come has sent that.
const askAfter = 2 * time.Second

// askAgain is when to ask again whether a user has gone.
func (t *Tracker) askAgain() time.Duration { return t.now() + askAfter }

// count returns how many users are in a channel on all nodes, or on this one if the store does not
// respond.
func (k *Keeper) count(ctx context.Context, channel parley.ChannelID) int {
	if here, err := k.store.Here(ctx, channel, 0); err == nil {
		return here.Count
	}
	return k.tracker.Here(channel, 0).Count
}

// Current corrects a difference that has waited by what the store says now: another node may have
// reported the same users in the meantime. It returns n unchanged if this node is alone, or the store
// does not respond within a second.
func (k *Keeper) Current(ctx context.Context, n News) News {
	if n.User != "" || !k.tracker.isShared() {
		return n
	}
	limit := 0
	if named := len(n.Joined) + len(n.Left); named > 0 {
		limit = math.MaxInt32
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	here, err := k.store.Here(ctx, n.Channel, limit)
	if err != nil {
		return n
	}
	if n.Count = here.Count; limit == 0 {
		return n
	}
	is := make(map[parley.UserID]bool, len(here.Users))
	for i := range here.Users {
		is[here.Users[i].User] = true
	}
	n.Joined = slices.DeleteFunc(n.Joined, func(u parley.UserID) bool { return !is[u] })
	n.Left = slices.DeleteFunc(n.Left, func(u parley.UserID) bool { return is[u] })
	return n
}

// comes reports whether an arrival waits to be sent.
func (t *Tracker) comes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, m := range t.log.moves {
		if m.came {
			return true
		}
	}
	return false
}

// tells reports whether arrivals and departures in a channel are sent at all.
func (t *Tracker) tells(channel parley.ChannelID) bool {
	each, batch := t.tiers(channel)
	return batch >= each
}
