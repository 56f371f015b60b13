package presence

import (
	"time"

	"github.com/parley-server/parley"
)

// A lease keeps a user in a place for a time without a connection: a user who polls until the
// next poll is overdue, and a user who left while a return would not count as leaving. Kinds
// that are transports are reported as such.
//
// The client of a stream may have read something by a poll before, or during it. Such a poll
// must not keep the user present when the stream closes, so a poll's lease ends with the last
// stream, unless the user polled twice while it was open: then polls are one of the user's ways
// to read.
const grace = parley.TransportPoll + 1

// lease is one of them. All of a kind of duration are in a queue by their ends.
type lease struct {
	use
	display    string        // the display name, if it differs
	due        time.Duration // since the tracker began
	polls      int           // of a poll's: how often it was taken since a stream was opened
	hidden     bool          // of the grace: the connection that closed last was hidden
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

// queueLocked returns the queue of leases of a kind.
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
	t.work.next.Need()
}

// pollsLocked returns the leases of a user's polls in a place.
func (t *Tracker) pollsLocked(u *uses, at presenceKey) (ls []*lease) {
	for _, via := range []parley.Transport{parley.TransportLongPoll, parley.TransportPoll} {
		if u.leases&(1<<via) != 0 {
			ls = append(ls, t.leases[use{at, via}])
		}
	}
	return ls
}

// streamLocked notes that a user opens a stream in a place.
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

// expireLocked ends the next expired lease. seen is when it was last renewed.
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
