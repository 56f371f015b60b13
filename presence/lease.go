package presence

import (
	"time"

	"github.com/parley-server/parley"
)

// A lease keeps a user in a place for a time, though no connection does: of one who
// polls until the next poll is overdue, of one who left while a return would not count as
// leaving. Kinds that are transports are told as such.
//
// Who opens a stream may have read something by a poll before, and may do so meanwhile. That
// is not to keep them when they close it, so a poll's lease ends with the last stream, unless
// they polled twice while they had one: then polls are a way in which they read.
const grace = parley.TransportPoll + 1

// lease is one of them. All of a kind of duration are in a queue by their ends.
type lease struct {
	use
	display    string        // what people read for the user, if it differs
	due        time.Duration // since the tracker began
	polls      int           // of a poll's: how often it was taken since a stream was opened
	hidden     bool          // of the grace: nobody looked at what was closed last
	seen       time.Duration // when the user was seen on another node; 0: here, when it was taken
	prev, next *lease
}

// leases is a queue; those that are renewed go to its end. It is a ring, which the
// zero lease begins.
type leases struct {
	lasts time.Duration
	ring  lease
}

func (q *leases) first() *lease {
	if q.ring.next == nil || q.ring.next == &q.ring {
		return nil
	}
	return q.ring.next
}

func (q *leases) push(l *lease, now time.Duration) {
	if q.ring.next == nil {
		q.ring.next, q.ring.prev = &q.ring, &q.ring
	}
	l.due = now + q.lasts
	l.prev, l.next = q.ring.prev, &q.ring
	l.prev.next, q.ring.prev = l, l
}

func (l *lease) unlink() { l.prev.next, l.next.prev = l.next, l.prev }

// queueLocked is where leases of a kind are.
func (t *Tracker) queueLocked(kind parley.Transport) *leases {
	if kind == grace {
		return &t.leaving
	}
	return &t.polling
}

// leaseLocked takes or renews a lease of a user who is in the place.
func (t *Tracker) leaseLocked(u *uses, at use, display string, now time.Duration) {
	l := t.leases[at]
	if l == nil {
		l = &lease{use: at}
		t.leases[at] = l
		u.leases |= 1 << at.via
	} else {
		l.unlink()
	}
	l.display, l.seen, l.hidden = display, 0, false
	l.polls++
	t.queueLocked(at.via).push(l, now)
}

// pollsLocked are the leases of a user's polls in a place.
func (t *Tracker) pollsLocked(u *uses, at presenceKey) (ls []*lease) {
	for _, via := range []parley.Transport{parley.TransportLongPoll, parley.TransportPoll} {
		if u.leases&(1<<via) != 0 {
			ls = append(ls, t.leases[use{at, via}])
		}
	}
	return ls
}

// streamLocked says that a user opens a stream in a place.
func (t *Tracker) streamLocked(u *uses, at presenceKey) {
	if u.streams() {
		return
	}
	for _, l := range t.pollsLocked(u, at) {
		l.polls = 0
	}
}

// unstreamedLocked ends the leases of polls that end with a user's last stream.
func (t *Tracker) unstreamedLocked(u *uses, at presenceKey) {
	for _, l := range t.pollsLocked(u, at) {
		if l.polls < 2 {
			t.endLocked(u, l)
		}
	}
}

// endLocked ends a lease.
func (t *Tracker) endLocked(u *uses, l *lease) {
	l.unlink()
	if delete(t.leases, l.use); len(t.leases) == 0 {
		t.leases = map[use]*lease{} // a map never shrinks
	}
	u.leases &^= 1 << l.via
}

// outlastsLocked reports whether a poll keeps a user longer than the grace would.
func (t *Tracker) outlastsLocked(at presenceKey, now time.Duration) bool {
	for _, via := range []parley.Transport{parley.TransportLongPoll, parley.TransportPoll} {
		if l := t.leases[use{at, via}]; l != nil && l.due >= now+t.leaving.lasts {
			return true
		}
	}
	return false
}

// expireLocked ends the next lease that is over. seen is when it was last taken.
func (t *Tracker) expireLocked(now time.Duration) (l *lease, seen time.Duration) {
	for _, q := range []*leases{&t.leaving, &t.polling} {
		l := q.first()
		if l == nil || l.due > now {
			continue
		}
		t.endLocked(t.usesLocked(l.presenceKey), l)
		if l.seen != 0 {
			return l, l.seen
		}
		return l, l.due - q.lasts
	}
	return nil, 0
}
