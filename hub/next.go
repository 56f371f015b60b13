package hub

import (
	"context"
	"errors"
	"sort"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/wire"
)

// ErrBehind is what Next returns when the next bytes must be read from the
// store: call Load, which may block, and then Next again.
var ErrBehind = errors.New("the next bytes are in the store")

// Send adds bytes, in the session's form, that are for it alone; they are sent before shared
// ones. They must not be changed afterwards. Any goroutine may call it. It returns how many
// bytes wait.
func (s *Session) Send(b []byte) int {
	s.mu.Lock()
	t := s.pendingLocked()
	if t.own == nil {
		t.own = b[:len(b):len(b)]
	} else {
		t.own = append(t.own, b...)
	}
	n := len(t.own)
	s.ringLocked()
	return n
}

// SendReset sends the reset frame; the cursor has already moved.
func (s *Session) SendReset(channel parley.ChannelID, r *parley.Reset) {
	s.hub.events.Reset(r.Reason)
	s.Send(s.form.AppendControl(nil, s.CursorText(), "reset", wire.Reset(nil, channel, r)))
}

// TakeOwn returns and removes what Send has added, without shared bytes; nil if there is
// nothing.
func (s *Session) TakeOwn() (own []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.pending; t != nil {
		own, t.own = t.own, nil
	}
	return own
}

// Waiting returns how many bytes of Send have not been taken.
func (s *Session) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == nil {
		return 0
	}
	return len(s.pending.own)
}

func (s *Session) pendingLocked() *pendingOutput {
	if s.pending == nil {
		s.pending = pendingOutputs.Get().(*pendingOutput)
	}
	return s.pending
}

// ring notes that a follow may have something.
func (s *Session) ring(f *follow) {
	s.mu.Lock()
	if !f.queued {
		f.queued = true
		if s.many != nil {
			s.many.queue.push(f)
		}
	}
	s.ringLocked()
}

// ringLocked unlocks, and rings the bell unless it has been rung.
func (s *Session) ringLocked() {
	first := !s.rung
	s.rung = true
	s.mu.Unlock()
	if first {
		s.bell.Ring()
	}
}

// popLocked returns the next follow that may have something, nil if there is none.
func (s *Session) popLocked() (f *follow) {
	switch {
	case s.many != nil:
		f = s.many.queue.pop()
	case s.first.queued:
		f = &s.first
	}
	if f != nil {
		f.queued = false
	}
	return f
}

// begin returns the session's pending output with its own bytes, or with at set to the next
// follow. nil: there is nothing, and the bell may ring again.
func (s *Session) begin() (t *pendingOutput, own []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.rung {
		return nil, nil
	}
	t = s.pendingLocked()
	t.taken = span{}
	switch {
	case t.own != nil:
		own, t.own = t.own, nil
	case t.isBehind:
	case t.page != nil: // it is read to its end first
	default:
		if t.at = s.popLocked(); t.at == nil {
			*t = pendingOutput{}
			pendingOutputs.Put(t)
			s.pending, s.rung = nil, false
			return nil, nil
		}
	}
	return t, own
}

// Next returns the next bytes to send, at most about limit (but at least a whole entry), with
// at most count entries, without the events of the identity self. They stay valid and must not
// be changed. nil, nil: nothing now, the bell will ring. ErrBehind: call Load.
func (s *Session) Next(self string, limit, count int) ([]byte, error) {
	for {
		t, own := s.begin()
		switch {
		case t == nil:
			return nil, nil
		case own != nil:
			return own, nil
		case t.isBehind:
			return nil, ErrBehind
		case t.at.left: // while it was queued
			continue
		}
		b, more, behind := s.read(t, self, limit, count)
		switch {
		case behind:
			s.setBehind(t, true)
			return nil, ErrBehind
		case more && t.page == nil:
			s.ring(t.at)
		}
		if len(b) > 0 {
			return b, nil
		}
	}
}

// Unsent reports that only n bytes of the last result of Next could be sent. The rest of the
// entry that was cut off is copied, so that no shared bytes are held, and becomes the next
// result of Next; the entries after it are taken again. A result without entries is kept whole.
func (s *Session) Unsent(b []byte, n int) {
	s.mu.Lock()
	t := s.pendingLocked()
	s.mu.Unlock()
	rest := b[n:]
	if c, f := t.taken.chunk, t.at; c != nil && !f.left {
		f.topic.mu.Lock() // the chunk may be the topic's last, to which it appends
		start := c.start(t.taken.from)
		broken := t.taken.from + int32(
			sort.Search(int(t.taken.to-t.taken.from), func(i int) bool { return int(c.ends[int(t.taken.from)+i]-start) > n }))
		rest = b[n : c.ends[broken]-start]
		f.topic.mu.Unlock()
		f.id -= int64(t.taken.to - broken - 1)
		f.live, t.page = false, nil // it finds its place again by its id
		t.taken = span{}
		s.ring(f)
	}
	s.mu.Lock()
	t.own = append(append(make([]byte, 0, len(rest)+len(t.own)), rest...), t.own...)
	s.ringLocked()
}

// read reads from the current follow; on a stream of many channels it writes the id: lines.
func (s *Session) read(t *pendingOutput, self string, limit, count int) (b []byte, more, behind bool) {
	f := t.at
	if s.form != wire.FormSSEMulti {
		before := f.id
		sp, b, more, behind := s.readNext(t, self, limit, count)
		if len(b) > 0 && f.id == before+int64(sp.to-sp.from) { // messages, not events
			t.taken = sp
		}
		return b, more, behind
	}
	more = true
	for more && len(b) < limit && count > 0 {
		var entry []byte
		before := f.id
		_, entry, more, behind = s.readNext(t, self, 0, 1)
		if f.id != before {
			b = append(s.appendCursor(append(b, "id: "...)), '\n')
		}
		b = append(b, entry...)
		count--
	}
	// The available bytes go first; the page is requested at the next turn.
	return b, more || behind, behind && len(b) == 0
}

func (s *Session) readNext(t *pendingOutput, self string, limit, count int) (sp span, b []byte, more, behind bool) {
	f := t.at
	if t.page != nil && t.page.stale.Load() {
		t.page = nil
	}
	if t.page == nil {
		return f.topic.read(f, s.form, self, limit, count)
	}
	if sp, f.id = t.page.read(s.form, f.id, limit, count); sp.chunk != nil {
		b = sp.bytes()
	}
	if f.id >= t.page.last || sp.chunk == nil {
		t.page = nil
	}
	return sp, b, true, false
}

// setBehind notes whether Load must read a page. It belongs to the session's owner.
func (s *Session) setBehind(t *pendingOutput, behind bool) {
	switch {
	case behind == t.isBehind:
	case behind:
		s.hub.events.Behind(1)
	default:
		s.hub.events.Behind(-1)
	}
	t.isBehind = behind
}

// Load reads the page that Next needs. It may block. If the messages after the cursor are gone
// it sends a reset and continues with the first entry that is kept. Any other error is the
// store's; calling again later is safe.
func (s *Session) Load(ctx context.Context) error {
	s.mu.Lock()
	t := s.pending
	s.mu.Unlock()
	if t == nil || !t.isBehind {
		return nil
	}
	f := t.at
	if done, err := s.restart(ctx, f); done || err != nil {
		s.setBehind(t, !done)
		return err
	}
	pg, err := s.hub.pages.get(ctx, f.topic.channel, f.id)
	if errors.Is(err, parley.ErrTrimmed) {
		bs, err := s.hub.source.Bounds(ctx, f.topic.channel)
		if err == nil && !s.hub.adopt(bs[0].Epoch) {
			err = parley.ErrEpoch
		}
		if err != nil {
			return err
		}
		r := &parley.Reset{Reason: "expired", First: bs[0].First, Last: bs[0].Last}
		f.id = r.After()
		f.live = false
		s.SendReset(f.topic.channel, r)
		s.ring(f)
	} else if err != nil {
		return err
	} else {
		t.page = pg
	}
	s.setBehind(t, false)
	return nil
}
