package hub

import (
	"sync"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// topic is a channel that a session of this node follows. A node may have as many as
// connections, so what a quiet one does not need is elsewhere: the bytes are in kept, and the
// hub is a parameter of each call.
type topic struct {
	channel parley.ChannelID // fixed

	mu     sync.Mutex
	head   int64 // the last id that was delivered here, or that the log named first
	seen   int64 // a later head that the log named: entries in between are read from pages, or delivered soon
	recent recent
	first  *follow // of the followers, which are a list
}

// unknown is the head of a topic for which the log has named none yet.
const unknown = -1

// follow is a session's place in one channel. It belongs to the session's owner except before
// and after, which the topic's mu guards, and queued, which the session's does.
type follow struct {
	topic   *topic
	session *Session
	id      int64  // the cursor: the last id that was taken
	pos     uint64 // the next slot among the recent ones, if live

	before, after *follow // in the topic's list

	begun          uint16 // the low bits of where the recent bytes ended when it began
	early          bool   // it has not reached that position: events up to it are skipped
	pointer        bool   // it receives only "more"
	live           bool   // reads the recent bytes; else it must find its place by id
	presenceHidden bool   // it does not see presence
	left           bool   // unfollowed, though perhaps still queued
	queued         bool   // it may have something for the session
}

// addLocked adds a follower.
func (t *topic) addLocked(f *follow) {
	f.topic, f.after = t, t.first
	if t.first != nil {
		t.first.before = f
	}
	t.first = f
	t.recent.addReader(f.session.form)
}

// removeLocked removes a follower and returns by how many bytes less is kept, and whether it
// was the last one.
func (t *topic) removeLocked(f *follow) (dropped int, last bool) {
	if f.before != nil {
		f.before.after = f.after
	} else {
		t.first = f.after
	}
	if f.after != nil {
		f.after.before = f.before
	}
	f.before, f.after, f.left = nil, nil, true
	dropped = t.recent.removeReader(f.session.form)
	if last = t.first == nil; last {
		dropped += t.recent.drop()
	}
	return dropped, last
}

// deliver takes entries that the log holds, in order, and rings. It ignores known entries.
// Grown describes gaps before them.
func (h *Hub) deliver(t *topic, epoch string, entries []parley.Message, scratch *scratch) (after int64, contiguous bool) {
	t.mu.Lock()
	if !h.adopt(epoch) { // the epoch may have changed since it was checked, see Restart
		t.mu.Unlock()
		return 0, true
	}
	rang := false
	grown := 0
	contiguous = true
	for i := range entries {
		m := &entries[i]
		switch {
		case m.ID <= t.head:
			continue
		case t.head == unknown: // a follower is just beginning
			grown -= t.recent.cut()
		case m.ID > t.head+1:
			after, contiguous = t.head, false
		}
		if !contiguous {
			break
		}
		if m.Change != "" {
			grown -= t.recent.hide(m.Of, m.Change == parley.ChangeDelete)
		}
		t.head = m.ID
		scratch.json = wire.AppendMessage(scratch.json[:0], m)
		grown += h.appendLocked(t, slot{id: m.ID, of: m.Of}, wire.EntryName(scratch.json), scratch.json)
		rang = true
	}
	h.finish(t, rang, grown, scratch)
	return after, contiguous
}

// event delivers an event to the streams that are at the head.
func (h *Hub) event(t *topic, e parley.Event, scratch *scratch) {
	t.mu.Lock()
	grown := h.appendLocked(t, slot{id: max(t.head, 0), skip: &e.Skip, who: e.Presence}, e.Name, e.Object)
	h.finish(t, true, grown, scratch)
}

// raise moves the head to one that the log named.
func (h *Hub) raise(t *topic, epoch string, head int64, scratch *scratch) {
	t.mu.Lock()
	rang, grown := head > t.head && h.adopt(epoch), 0
	if rang {
		t.head, grown = head, -t.recent.cut()
	}
	h.finish(t, rang, grown, scratch)
}

// appendLocked adds a slot to the recent bytes.
func (h *Hub) appendLocked(t *topic, s slot, name string, obj []byte) (grown int) {
	if t.recent.kept == nil {
		t.recent.kept = &kept{}
		for f := t.first; f != nil; f = f.after {
			t.recent.addReader(f.session.form)
		}
		h.markBusy(t)
	}
	return t.recent.append(s, name, obj)
}

// finish ends a change of the recent bytes: it unlocks, then rings.
func (h *Hub) finish(t *topic, ring bool, grown int, scratch *scratch) {
	scratch.rung = scratch.rung[:0]
	if ring {
		t.recent.touch(h.clock())
		for f := t.first; f != nil; f = f.after {
			scratch.rung = append(scratch.rung, f)
		}
	}
	t.mu.Unlock()
	h.grow(grown)
	for _, f := range scratch.rung {
		f.session.ring(f)
	}
	clear(scratch.rung)
}

// read returns what the follower has not seen of the recent bytes: at most limit bytes but at least one entry, at most count entries;
// no bytes if there is nothing. behind: the recent bytes have moved on; read a page.
func (t *topic) read(f *follow, form wire.Form, self string, limit, count int) (s span, b []byte, more, behind bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.pos == mustReset {
		return span{}, nil, false, true
	}
	r := &t.recent
	if f.live && f.pos < r.first(form) {
		f.live = false
	}
	if !f.live && !t.findLocked(f, form) {
		return span{}, nil, false, true
	}
	f.missed(f.pos)
	skipped := func(pos uint64, s slot) bool {
		if s.skip == nil {
			return s.id <= f.id
		}
		return form == wire.FormJSON || f.missed(pos) || *s.skip != "" && *s.skip == self || s.who && f.presenceHidden
	}
	for ; f.pos < r.end(); f.pos++ {
		if skipped(f.pos, r.at(f.pos)) {
			continue
		}
		var last int64
		s, f.pos, last = r.run(form, f.pos, limit, count, skipped)
		f.id = max(f.id, last)
		return s, s.bytes(), f.pos < r.end(), false
	}
	if f.id < t.seen && !f.pointer { // the log has more than was delivered here
		f.live = false
		return span{}, nil, false, true
	}
	return span{}, nil, false, false
}

// missed reports whether the slot at a position was added before the follower began. It is
// called with rising positions, which are near begun as long as it is early.
func (f *follow) missed(pos uint64) bool {
	f.early = f.early && int16(uint16(pos)-f.begun) < 0
	return f.early
}

// findLocked puts a follower where its cursor is among the recent bytes, or at their
// end if it has seen all; it fails if they have moved on.
func (t *topic) findLocked(f *follow, form wire.Form) bool {
	pos, ok := t.recent.find(form, f.id)
	if !ok {
		if f.id < max(t.head, t.seen) && !f.pointer {
			return false
		}
		pos = t.recent.end()
	}
	f.pos, f.live = pos, true
	return true
}

// attach places a follower that knows its cursor among the recent bytes, so that it receives
// every event from now on, and none from before.
func (h *Hub) attach(f *follow, b parley.Bounds) {
	t := f.topic
	t.mu.Lock()
	defer t.mu.Unlock()
	if !h.adopt(b.Epoch) { // the bounds are of an epoch that has ended, or that this node has yet to hear of
		f.pos = mustReset
		return
	}
	f.pos = 0 // it may have been marked while it was beginning, before the bounds were read
	switch {
	case t.head == unknown:
		t.head = b.Last
	case b.Last > max(t.head, t.seen):
		t.seen = b.Last
		h.markBusy(t)
	}
	f.begun, f.early = uint16(t.recent.end()), true
	t.findLocked(f, f.session.form)
}
