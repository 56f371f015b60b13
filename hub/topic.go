package hub

import (
	"sync"
	"time"

	"parley"
	"parley/wire"
)

// topic is a channel that somebody on this node follows.
type topic struct {
	// fixed after construction
	hub     *Hub
	channel parley.ChannelID

	mu        sync.Mutex
	seenOld   bool  // seen stood there at the last sweep already
	head      int64 // the last id that was delivered here
	seen      int64 // a later head that the log named: what lies between is read from pages, or delivered soon
	recent    recent
	followers []*follow
}

// follow is a session's place in one channel. It belongs to the session's owner but
// for index, which the topic's mu guards, and next, which the session's does.
type follow struct {
	topic   *topic
	session *Session
	id      int64   // the cursor: the last id that was taken
	pos     uint64  // the next slot among the recent ones, if live
	page    *page   // being read by one who is behind, else nil
	next    *follow // in the session's ring; nil if it is not there
	index   int32   // in topic.followers
	live    bool    // reads the recent bytes; else it has to find its place by id
	left    bool    // unfollowed, though perhaps still in the session's ring
}

// deliver takes messages that the log has stored, in order, and rings. Those that
// are known are ignored; a hole before one cuts the recent bytes, and whoever has
// not seen what lies in the hole reads it from the log.
func (t *topic) deliver(ms []parley.Result, scratch *scratch) {
	t.mu.Lock()
	rang := false
	grown := 0
	for i := range ms {
		m := &ms[i].Message
		if ms[i].Err != nil || m.ID <= t.head || ms[i].Duplicate && m.ID != t.head+1 {
			continue // an old duplicate says nothing about the head
		}
		if m.ID > t.head+1 {
			grown -= t.recent.cut()
		}
		t.head = m.ID
		scratch.json = wire.AppendMessage(scratch.json[:0], m)
		grown += t.recent.append(slot{id: m.ID}, "message", scratch.json)
		rang = true
	}
	t.finish(rang, grown, scratch)
}

// event gives an event to the streams that are at the head.
func (t *topic) event(name string, obj []byte, skip string, scratch *scratch) {
	t.mu.Lock()
	grown := t.recent.append(slot{id: t.head, skip: &skip}, name, obj)
	t.finish(true, grown, scratch)
}

// raise moves the head to one that the log named.
func (t *topic) raise(head int64, scratch *scratch) {
	t.mu.Lock()
	rang, grown := head > t.head, 0
	if rang {
		t.head, grown = head, -t.recent.cut()
	}
	t.finish(rang, grown, scratch)
}

// finish ends a change of the recent bytes: it unlocks, then rings.
func (t *topic) finish(ring bool, grown int, scratch *scratch) {
	scratch.rung = scratch.rung[:0]
	if ring {
		t.recent.touch(t.hub.clock())
		scratch.rung = append(scratch.rung, t.followers...)
	}
	t.mu.Unlock()
	t.hub.grow(grown)
	for _, f := range scratch.rung {
		f.session.ring(f)
	}
	clear(scratch.rung)
}

// read returns what the follower has not seen of the recent bytes: at most limit
// bytes but at least one entry, at most count entries; no bytes if there is nothing. behind: the recent bytes have moved on; read a page.
func (t *topic) read(f *follow, form wire.Form, self string, limit, count int) (s span, b []byte, more, behind bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := &t.recent
	if f.live && f.pos < r.first(form) {
		f.live = false
	}
	if !f.live && !t.findLocked(f, form) {
		return span{}, nil, false, true
	}
	skipped := func(s slot) bool {
		if s.skip == nil {
			return s.id <= f.id
		}
		return form == wire.FormJSON || *s.skip != "" && *s.skip == self
	}
	for ; f.pos < r.end(); f.pos++ {
		if skipped(r.at(f.pos)) {
			continue
		}
		var last int64
		s, f.pos, last = r.run(form, f.pos, limit, count, skipped)
		f.id = max(f.id, last)
		return s, s.bytes(), f.pos < r.end(), false
	}
	if f.id < t.seen { // the log has more than was delivered here
		f.live = false
		return span{}, nil, false, true
	}
	return span{}, nil, false, false
}

// findLocked puts a follower where its cursor is among the recent bytes, or at their
// end if it has seen all; it fails if they have moved on.
func (t *topic) findLocked(f *follow, form wire.Form) bool {
	pos, ok := t.recent.find(form, f.id)
	if !ok {
		if f.id < max(t.head, t.seen) {
			return false
		}
		pos = t.recent.end()
	}
	f.pos, f.live = pos, true
	return true
}

// place puts a follower that knows its cursor among the recent bytes, so that it
// misses no event from now on.
func (t *topic) place(f *follow, b parley.Bounds) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.Last > max(t.head, t.seen) {
		t.seen, t.seenOld = b.Last, false
	}
	t.findLocked(f, f.session.form)
}

// sweep repairs what was not delivered in time and forgets bytes that nobody has
// needed for a minute. It returns the size and age of what is left.
func (t *topic) sweep(now time.Time, scratch *scratch) (size int, touched time.Time) {
	t.mu.Lock()
	late := t.seen > t.head && t.seenOld
	seen := t.seen
	t.seenOld = true
	grown := 0
	size, touched = t.recent.size()
	if size > 0 && now.Sub(touched) > time.Minute {
		grown, size = -t.recent.drop(), 0
	}
	t.mu.Unlock()
	t.hub.grow(grown)
	if late {
		t.raise(seen, scratch)
	}
	return size, touched
}
