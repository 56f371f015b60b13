package presence

import (
	"slices"
	"time"

	"github.com/parley-server/parley"
)

// How an arrival or departure is sent depends on how many users are in the channel, and on what
// this node has sent in the last second:
//
//	few (each)      at once                   unless the budget is used up, or a difference of
//	                                          the channel already waits: then it waits too
//	many (batch)    a difference of names and the count, 2 s after its first change
//	more            the count alone, at the same intervals
//	off             nothing, ever
//
// A difference merges: users who came and left within it are not in it. Waiting differences are sent in the
// order of their times as long as the budget lasts, and wait otherwise, so the last
// count that is sent is right.

// Every is the time between two differences of a channel.
const Every = 2 * time.Second

// maxNames bounds the users named in one message; a difference of more becomes several.
const maxNames = 1000

// News is what the streams of a channel must receive: that a user has come or left, or a
// difference.
type News struct {
	Channel      parley.ChannelID
	User         parley.UserID // has left, or come; "": a difference. Without a channel: to or from the last node
	Came         bool
	Name         string // the display name, if it differs
	Joined, Left []parley.UserID
	Count        int // of users in the channel now
}

// notices are the differences that wait to be sent.
type notices struct {
	budget  float64 // messages a second
	left    float64 // of the budget; negative after a message to very many
	filled  time.Duration
	waiting map[parley.ChannelID]*difference
	queue   []*difference // by due
	counts  Counts
}

// Counts are what a node has sent of presence since it began.
type Counts struct {
	Messages int64 // counted at the receivers
	Deferred int64 // arrivals and departures that the budget deferred
}

// difference is what a channel's streams have not received yet.
type difference struct {
	channel parley.ChannelID
	due     time.Duration
	base    int                    // the count that they know
	count   int                    // of users in the channel on all nodes, as far as it is known
	names   map[parley.UserID]bool // users who came (true) or left
	large   bool                   // names are not kept
}

func newNews(budget int) notices {
	return notices{budget: float64(budget), left: float64(budget), waiting: map[parley.ChannelID]*difference{}}
}

// affordsLocked reports whether there is budget left.
func (n *notices) affordsLocked(now time.Duration) bool {
	if d := now - n.filled; d > 0 {
		n.filled = now
		n.left = min(n.budget, n.left+d.Seconds()*n.budget)
	}
	return n.left > 0
}

// ChargeBudget charges the budget for a message, by the number of its receivers.
func (t *Tracker) ChargeBudget(receivers int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.news.left -= float64(receivers)
	t.news.counts.Messages += int64(receivers)
}

// Counts returns what was sent until now.
func (t *Tracker) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.news.counts
}

// tellLocked notes that a user entered or left a channel; count includes the user. now:
// it should be sent at once.
func (t *Tracker) tellLocked(at presenceKey, came bool, count int, now time.Duration) (atOnce bool) {
	each, batch := t.tiers(at.channel)
	if batch < each {
		return false
	}
	n := &t.news
	d := n.waiting[at.channel]
	if d == nil {
		affords := n.affordsLocked(now)
		if count <= each && affords {
			return true
		}
		d = &difference{channel: at.channel, due: now + Every, base: count, names: map[parley.UserID]bool{}}
		if came {
			d.base--
		}
		n.waiting[at.channel] = d
		n.queue = append(n.queue, d)
		t.work.next.Need()
	}
	if d.count = count; !came {
		d.count--
	}
	if count <= each {
		n.counts.Deferred++
	}
	switch was, told := d.names[at.user]; {
	case count > batch:
		d.large, d.names = true, nil
	case d.large:
	case told && was != came:
		delete(d.names, at.user)
	default:
		d.names[at.user] = came
	}
	return false
}

// Next returns the next news to send by now. The caller sends it and calls ChargeBudget before
// the next Next; ok is false if there is nothing, or nothing may be sent yet.
func (t *Tracker) Next(now time.Time) (what News, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at := t.since(now)
	t.latest = at
	for {
		l, seen := t.expireLocked(at)
		if l == nil {
			break
		}
		u := t.usesLocked(l.presenceKey)
		if !u.none() {
			t.changedLocked(l.presenceKey, u, u.transports().With(l.via), false)
			continue
		}
		count := t.goneLocked(l.presenceKey, t.moment(seen))
		if t.log.shared {
			t.moveLocked(l.presenceKey, false, l.display)
		} else if l.channel != "" && t.tellLocked(l.presenceKey, false, count, at) {
			return News{Channel: l.channel, User: l.user, Name: l.display, Count: count - 1}, true
		}
	}
	if what, ok = t.movedLocked(at); ok {
		return what, true
	}
	return t.news.nextLocked(t, at)
}

// nextLocked returns the next difference that is due.
func (n *notices) nextLocked(t *Tracker, now time.Duration) (what News, ok bool) {
	for len(n.queue) > 0 && n.queue[0].due <= now && n.affordsLocked(now) {
		d := n.queue[0]
		_, batch := t.tiers(d.channel)
		what = News{Channel: d.channel, Count: d.count}
		if !t.log.shared {
			what.Count = t.countLocked(d.channel)
		}
		ok = len(d.names) > 0 || what.Count != d.base
		if what.Count <= batch && !d.large {
			d.take(&what)
		} else {
			d.names = nil
		}
		if len(d.names) == 0 {
			n.queue[0] = nil
			if n.queue = n.queue[1:]; len(n.queue) == 0 {
				n.queue = nil
			}
			delete(n.waiting, d.channel)
		}
		if ok {
			return what, true
		}
	}
	return News{}, false
}

// take moves names to a message, as many as it may contain. What the others then do not
// know yet remains, and may still change.
func (d *difference) take(what *News) {
	what.Joined, what.Left = []parley.UserID{}, []parley.UserID{}
	for user, came := range d.names {
		if len(what.Joined)+len(what.Left) == maxNames {
			break
		}
		if delete(d.names, user); came {
			what.Joined = append(what.Joined, user)
		} else {
			what.Left = append(what.Left, user)
		}
	}
	slices.Sort(what.Joined)
	slices.Sort(what.Left)
}
