package hub

import (
	"context"
	"errors"
	"sort"
	"strconv"
	"sync"

	"parley"
	"parley/wire"
)

// ErrBehind is what Take returns when the next bytes have to be read from the
// store: call Load, which may block, and then Take again.
var ErrBehind = errors.New("the next bytes are in the store")

// Bell is rung, from any goroutine, when Take may have something new, and not again
// before Take has returned nothing. Ring must not block or call the session.
type Bell interface{ Ring() }

// Session is one reader: a form, a cursor in each channel it follows, and a bell. It
// is made by Open. All methods but Send belong to one goroutine at a time.
type Session struct {
	// fixed by Open
	hub  *Hub
	bell Bell
	form wire.Form

	// owned by whoever owns the session
	isBehind bool      // at's page has to be read by Load
	follows  []*follow // in the order they were asked for
	first    follow    // room for the first of them
	at       *follow   // whom Take was at last
	taken    span      // what it returned, if it was messages of at alone

	mu   sync.Mutex
	rung bool    // the bell has rung and Take has not yet returned nothing
	own  *[]byte // what is for this session alone, in its form; nil for nothing
	last *follow // of a ring of those that may have something, in the order of their bells
}

// Form is the form in which the session reads.
func (s *Session) Form() wire.Form { return s.form }

// Start is where a session begins in a channel.
type Start struct {
	Bounds  parley.Bounds
	Cursor  int64         // the cursor it begins at
	Resumed bool          // a cursor was given and is served from
	Reset   *parley.Reset // the cursor that was given can't be served
}

// Open makes s, which is zero, a session.
func (h *Hub) Open(s *Session, form wire.Form, bell Bell) {
	s.hub, s.form, s.bell = h, form, bell
}

// Follow adds a channel at a cursor, or at its head if after is nil. It may block
// (it asks the log for the channel's bounds). What it says of a reset is for the
// caller to tell; entries follow on Take. Following a channel again moves its cursor.
func (s *Session) Follow(ctx context.Context, channel parley.ChannelID, after *parley.Cursor) (Start, error) {
	s.Unfollow(channel)
	f := &s.first
	if f.session != nil { // it is taken, or perhaps still on the list
		f = new(follow)
	}
	f.session = s
	// First register, then look: what is stored in between rings.
	s.hub.enter(channel, f)
	bs, err := s.hub.log.Bounds(ctx, channel)
	if err != nil {
		s.hub.exit(f)
		return Start{}, err
	}
	b := bs[0]
	start := Start{Bounds: b, Cursor: b.Last}
	if after != nil {
		start.Reset = parley.CheckCursor(*after, b)
		switch {
		case start.Reset != nil:
			start.Cursor = start.Reset.After()
		default:
			start.Cursor, start.Resumed = max(after.ID, b.First-1), true
		}
	}
	f.id = start.Cursor
	f.topic.place(f, b)
	s.follows = append(s.follows, f)
	s.ring(f)
	return start, nil
}

// Unfollow removes a channel and tells whether it was followed.
func (s *Session) Unfollow(channel parley.ChannelID) bool {
	for i, f := range s.follows {
		if f.topic.channel == channel {
			s.hub.exit(f)
			s.follows = append(s.follows[:i], s.follows[i+1:]...)
			if s.at == f {
				s.at, s.isBehind = nil, false
			}
			return true
		}
	}
	return false
}

// Follows tells whether the session follows the channel.
func (s *Session) Follows(channel parley.ChannelID) bool {
	_, ok := s.Cursor(channel)
	return ok
}

// Cursor is the last id that Take has given of a channel.
func (s *Session) Cursor(channel parley.ChannelID) (int64, bool) {
	for _, f := range s.follows {
		if f.topic.channel == channel {
			return f.id, true
		}
	}
	return 0, false
}

// Channels calls yield for each channel that is followed, with its cursor.
func (s *Session) Channels(yield func(parley.ChannelID, int64)) {
	for _, f := range s.follows {
		yield(f.topic.channel, f.id)
	}
}

// Sum is the sum of all cursors: by how much it grows, so many messages were taken.
func (s *Session) Sum() (sum int64) {
	for _, f := range s.follows {
		sum += f.id
	}
	return sum
}

// First is the channel that was followed first, "" if there is none.
func (s *Session) First() parley.ChannelID {
	if len(s.follows) == 0 {
		return ""
	}
	return s.follows[0].topic.channel
}

// Len is how many channels the session follows.
func (s *Session) Len() int { return len(s.follows) }

// Close takes the session out of every channel.
func (s *Session) Close() {
	for _, f := range s.follows {
		s.hub.exit(f)
	}
	s.follows, s.at, s.isBehind = nil, nil, false
}

// Send adds bytes, in the session's form, that are for it alone; they leave before
// shared ones. It may be called by anybody and returns how many bytes wait.
func (s *Session) Send(b []byte) int {
	s.mu.Lock()
	if s.own == nil {
		s.own = new([]byte)
	}
	*s.own = append(*s.own, b...)
	n := len(*s.own)
	first := !s.rung
	s.rung = true
	s.mu.Unlock()
	if first {
		s.bell.Ring()
	}
	return n
}

// SendReset sends the frame that tells of a reset; the cursor has moved already.
func (s *Session) SendReset(channel parley.ChannelID, r *parley.Reset) {
	s.Send(s.form.AppendControl(nil, s.CursorText(), "reset", wire.Reset(nil, channel, r)))
}

// TakeOwn takes what Send has added, without anything shared; nil if there is nothing.
func (s *Session) TakeOwn() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ownLocked()
}

func (s *Session) ownLocked() (own []byte) {
	if s.own != nil {
		own, s.own = *s.own, nil
	}
	return own
}

// Waiting is how many bytes of Send have not been taken.
func (s *Session) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.own == nil {
		return 0
	}
	return len(*s.own)
}

// ring puts a follow on the session's list and rings the bell if it is the first.
func (s *Session) ring(f *follow) {
	s.mu.Lock()
	if f.next == nil {
		if s.last == nil {
			f.next = f
		} else {
			f.next, s.last.next = s.last.next, f
		}
		s.last = f
	}
	first := !s.rung
	s.rung = true
	s.mu.Unlock()
	if first {
		s.bell.Ring()
	}
}

// pop takes the session's own bytes or the next follow from its list. Neither: the
// bell may ring again.
func (s *Session) pop() (own []byte, f *follow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.ownLocked(); own != nil {
		return own, nil
	}
	if s.last == nil {
		s.rung = false
		return nil, nil
	}
	f = s.last.next
	if f == s.last {
		s.last = nil
	} else {
		s.last.next = f.next
	}
	f.next = nil
	return nil, f
}

// Take returns the next bytes to send, at most about limit (but a whole entry),
// with at most count entries, without the events of the identity self. They stay
// valid and must not be changed. nil, nil: nothing now, the bell will ring.
// ErrBehind: call Load.
func (s *Session) Take(self string, limit, count int) ([]byte, error) {
	if s.taken = (span{}); s.isBehind {
		return nil, ErrBehind
	}
	for {
		own, f := s.pop()
		if own != nil {
			return own, nil
		}
		if f == nil {
			return nil, nil
		}
		if f.left { // while it was on the list
			continue
		}
		s.at = f
		b, more, behind := s.read(f, self, limit, count)
		switch {
		case behind:
			s.isBehind = true
			return nil, ErrBehind
		case more:
			s.ring(f)
		}
		if len(b) > 0 {
			return b, nil
		}
	}
}

// Unsent is told that of what Take returned last only n bytes could be sent. It
// returns a copy of those that have to follow before anything else: the rest of one
// entry. The entries after it are taken again. What has no entries is copied whole.
func (s *Session) Unsent(b []byte, n int) []byte {
	c, f := s.taken.chunk, s.at
	if c == nil || f == nil || f.left {
		return append([]byte(nil), b[n:]...)
	}
	f.topic.mu.Lock() // the chunk may be the topic's last, to which it appends
	start := c.start(s.taken.from)
	broken := s.taken.from + int32(sort.Search(int(s.taken.to-s.taken.from), func(i int) bool { return int(c.ends[int(s.taken.from)+i]-start) > n }))
	rest := append([]byte(nil), b[n:c.ends[broken]-start]...)
	f.topic.mu.Unlock()
	f.id -= int64(s.taken.to - broken - 1)
	f.live, f.page = false, nil // it finds its place again by its id
	s.taken = span{}
	s.ring(f)
	return rest
}

// read takes from one channel; on a stream of many it writes the id: lines.
func (s *Session) read(f *follow, self string, limit, count int) (b []byte, more, behind bool) {
	if s.form != wire.FormSSEMulti {
		before := f.id
		sp, b, more, behind := s.next(f, self, limit, count)
		if len(b) > 0 && f.id == before+int64(sp.to-sp.from) { // messages, not events
			s.taken = sp
		}
		return b, more, behind
	}
	more = true
	for more && len(b) < limit && count > 0 {
		var entry []byte
		before := f.id
		_, entry, more, behind = s.next(f, self, 0, 1)
		if f.id != before {
			b = append(s.appendCursor(append(b, "id: "...)), '\n')
		}
		b = append(b, entry...)
		count--
	}
	// What there is goes first; the page is asked for when the turn comes again.
	return b, more || behind, behind && len(b) == 0
}

func (s *Session) next(f *follow, self string, limit, count int) (sp span, b []byte, more, behind bool) {
	if f.page != nil {
		if sp, f.id = f.page.read(s.form, f.id, limit, count); sp.chunk != nil {
			b = sp.bytes()
		}
		if f.id >= f.page.last || sp.chunk == nil {
			f.page = nil
		}
		return sp, b, true, false
	}
	return f.topic.read(f, s.form, self, limit, count)
}

// CursorText is where the session stands, as an id: line says it: a plain number,
// or A:42,B:7 on a stream of many channels.
func (s *Session) CursorText() string {
	if s.form != wire.FormSSEMulti && len(s.follows) == 1 {
		return strconv.FormatInt(s.follows[0].id, 10)
	}
	return string(s.appendCursor(nil))
}

// Positions is the same with the channel's name even if there is just one.
func (s *Session) Positions() string { return string(s.appendCursor(nil)) }

func (s *Session) appendCursor(b []byte) []byte {
	for i, f := range s.follows {
		b = wire.AppendPosition(b, i == 0, f.topic.channel, f.id)
	}
	return b
}

// Load reads the page that Take asked for. It may block. If the messages after the
// cursor are gone it sends a reset and goes on from what is kept. Another error is
// the store's; calling again later is safe.
func (s *Session) Load(ctx context.Context) error {
	f := s.at
	if !s.isBehind {
		return nil
	}
	pg, err := s.hub.pages.get(ctx, f.topic.channel, f.id)
	if errors.Is(err, parley.ErrTrimmed) {
		bs, err := s.hub.log.Bounds(ctx, f.topic.channel)
		if err != nil {
			return err
		}
		r := &parley.Reset{Reason: "expired", First: bs[0].First, Last: bs[0].Last}
		f.id = r.After()
		f.live = false
		s.SendReset(f.topic.channel, r)
	} else if err != nil {
		return err
	} else {
		f.page = pg
	}
	s.isBehind = false
	s.ring(f)
	return nil
}
