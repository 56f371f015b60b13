package hub

import (
	"context"
	"iter"
	"strconv"
	"sync"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/internal/together"
	"github.com/parley-server/parley/wire"
)

// Bell is rung, from any goroutine, when Next may have something new, and not again before Next
// has returned nothing. Ring must not block or call the session.
type Bell interface{ Ring() }

// Session is one reader: a form, a cursor in each channel it follows, and a bell. Open
// initializes it. All methods but Send belong to one goroutine at a time.
//
// A quiet session with one channel is nothing but this struct. While it has output it also has
// a pendingOutput, and for more channels a many.
type Session struct {
	// fixed by Open
	hub  *Hub
	bell Bell
	form wire.Form

	rung  bool   // guarded by mu: the bell has rung and Next has not yet returned nothing
	first follow // owned by the session's owner: the channel that was followed first, if it has a session

	mu      sync.Mutex
	pending *pendingOutput // nil for none
	many    *many          // nil for none
}

// pendingOutput is the state of a session that has output.
type pendingOutput struct {
	own []byte // guarded by mu: bytes for this session alone, in its form

	// the owner's
	at       *follow // the follow that Next read last
	page     *page   // of at: the page that is being read; nil for none
	isBehind bool    // Load must read such a page
	taken    span    // the last result of Next, if it was messages of at alone
}

var pendingOutputs = sync.Pool{New: func() any { return new(pendingOutput) }}

// many is the state of a session of more than one channel.
type many struct {
	follows []*follow                    // the owner's: after the first, in the order in which they were followed
	index   map[parley.ChannelID]*follow // the owner's: the same by channel, once they are too many for a linear search
	queue   queue                        // guarded by mu: those that may have something, in the order of their bells
}

// tooMany is the number of follows above which they have an index.
const tooMany = 32

// note adds a follow that has its topic to the index, and creates the index when it is needed.
func (m *many) note(f *follow) {
	switch {
	case m.index != nil:
		m.index[f.topic.channel] = f
	case len(m.follows) == tooMany:
		m.index = make(map[parley.ChannelID]*follow, 2*tooMany)
		for _, f := range m.follows {
			m.index[f.topic.channel] = f
		}
	}
}

// queue is first in, first out, in a reused array.
type queue struct {
	follows []*follow
	head    int // those before it have been removed
}

func (q *queue) push(f *follow) {
	if n := len(q.follows); n == cap(q.follows) && q.head > n/2 {
		q.follows, q.head = q.follows[:copy(q.follows, q.follows[q.head:])], 0
	}
	q.follows = append(q.follows, f)
}

// pop returns nil if there is none.
func (q *queue) pop() (f *follow) {
	if q.head == len(q.follows) {
		return nil
	}
	f = q.follows[q.head]
	if q.head++; q.head == len(q.follows) {
		q.follows, q.head = q.follows[:0], 0
	}
	return f
}

// Form returns the form in which the session reads.
func (s *Session) Form() wire.Form { return s.form }

// Start is the place at which a session begins in a channel.
type Start struct {
	Bounds  parley.Bounds
	Cursor  int64         // the cursor it begins at
	Resumed bool          // a cursor was given and can be served
	Reset   *parley.Reset // set if the given cursor cannot be served
	More    bool          // the client must read what follows the cursor
}

// Open initializes s, which must be zero.
func (h *Hub) Open(s *Session, form wire.Form, bell Bell) {
	s.hub, s.form, s.bell = h, form, bell
}

// Wanted is a channel that a session is to follow.
type Wanted struct {
	Channel parley.ChannelID
	After   *parley.Cursor // nil: from the head
	Blind   bool           // the session must not see the channel's presence, not even events that arrive during the call
}

// Follow is FollowAll for one channel, whose presence the session may see.
func (s *Session) Follow(ctx context.Context, channel parley.ChannelID, after *parley.Cursor) (Start, error) {
	starts, errs := s.FollowAll(ctx, Wanted{Channel: channel, After: after})
	return starts[0], errs[0]
}

// FollowAll adds different channels, each at its cursor, and returns for each where it starts, or why it does not. It may
// block, because it reads the channels' bounds from the log, at the same time. The caller must report a Start.Reset to the
// client; entries follow through Next. Following a channel again moves its cursor.
func (s *Session) FollowAll(ctx context.Context, wanted ...Wanted) (starts []Start, errs []error) {
	starts, errs = make([]Start, len(wanted)), make([]error, len(wanted))
	follows := make([]*follow, len(wanted))
	for i, w := range wanted { // first register, then read the bounds: an entry that is stored in between rings
		follows[i] = s.register(w)
	}
	together.Do(len(wanted), func(i int) { starts[i].Bounds, errs[i] = s.hub.join(ctx, wanted[i].Channel) })
	for i, w := range wanted {
		if errs[i] != nil {
			s.Unfollow(w.Channel)
			continue
		}
		s.begins(follows[i], &starts[i], w.After)
	}
	return starts, errs
}

// register adds a follow to its topic.
func (s *Session) register(w Wanted) *follow {
	s.Unfollow(w.Channel)
	f := s.newFollow()
	f.presenceHidden = w.Blind
	f.pointer = s.form != wire.FormJSON && s.hub.onRead(w.Channel)
	s.hub.addFollower(w.Channel, f)
	if f != &s.first {
		s.many.note(f)
	}
	return f
}

// begins lets a follow begin at a cursor, or at the head, within the bounds of start, which it completes.
func (s *Session) begins(f *follow, start *Start, after *parley.Cursor) {
	b := start.Bounds
	start.Cursor = b.Last
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
	start.More = f.pointer && start.Cursor < b.Last
	s.hub.attach(f, b)
	s.ring(f)
}

// See sets again for each channel whether the session sees its presence.
func (s *Session) See(sees func(parley.ChannelID) bool) {
	for f := range s.follows() {
		f.presenceHidden = !sees(f.topic.channel)
	}
}

// newFollow makes room for one more channel. The room of the first one is not reused, since a
// topic may still ring for it.
func (s *Session) newFollow() *follow {
	if s.first.session == nil {
		s.first.session = s
		return &s.first
	}
	f := &follow{session: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.many == nil {
		s.many = &many{}
		if s.first.queued {
			s.many.queue.push(&s.first)
		}
	}
	s.many.follows = append(s.many.follows, f)
	return f
}

// follows are those of all channels, in the order in which they were followed.
func (s *Session) follows() iter.Seq[*follow] {
	return func(yield func(*follow) bool) {
		if s.first.topic != nil && !s.first.left && !yield(&s.first) || s.many == nil {
			return
		}
		for _, f := range s.many.follows {
			if !yield(f) {
				return
			}
		}
	}
}

// find returns the channel's follow, nil if there is none.
func (s *Session) find(channel parley.ChannelID) *follow {
	if m := s.many; m != nil && m.index != nil && (s.first.left || s.first.topic.channel != channel) {
		return m.index[channel]
	}
	for f := range s.follows() {
		if f.topic.channel == channel {
			return f
		}
	}
	return nil
}

// Unfollow removes a channel and reports whether it was followed.
func (s *Session) Unfollow(channel parley.ChannelID) bool {
	f := s.find(channel)
	if f == nil {
		return false
	}
	s.hub.removeFollower(f)
	if f != &s.first {
		for i, g := range s.many.follows {
			if g == f {
				s.many.follows = append(s.many.follows[:i], s.many.follows[i+1:]...)
				break
			}
		}
		delete(s.many.index, channel)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.pending; t != nil && t.at == f {
		t.at, t.page = nil, nil
		s.setBehind(t, false)
	}
	return true
}

// Follows reports whether the session follows the channel.
func (s *Session) Follows(channel parley.ChannelID) bool { return s.find(channel) != nil }

// Channels calls yield for each followed channel, with its cursor.
func (s *Session) Channels(yield func(parley.ChannelID, int64)) {
	for f := range s.follows() {
		yield(f.topic.channel, f.id)
	}
}

// Sum returns the sum of all cursors; its growth is the number of entries taken.
func (s *Session) Sum() (sum int64) {
	for f := range s.follows() {
		sum += f.id
	}
	return sum
}

// First returns the channel that was followed first, "" if there is none.
func (s *Session) First() parley.ChannelID {
	for f := range s.follows() {
		return f.topic.channel
	}
	return ""
}

// Len returns the number of channels that the session follows.
func (s *Session) Len() (n int) {
	if s.first.topic != nil && !s.first.left {
		n++
	}
	if s.many != nil {
		n += len(s.many.follows)
	}
	return n
}

// Close removes the session from every channel.
func (s *Session) Close() {
	for f := range s.follows() {
		s.hub.removeFollower(f)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.many != nil {
		s.many.follows, s.many.index = nil, nil
	}
	if t := s.pending; t != nil {
		t.at, t.page = nil, nil
		s.setBehind(t, false)
	}
}

// CursorText returns the session's cursors as an id: line has them: a plain number, or A:42,B:7
// on a stream of many channels; "" in a form without such lines.
func (s *Session) CursorText() string {
	switch s.form {
	case wire.FormSSE:
		if s.Len() == 0 {
			return ""
		}
		return strconv.FormatInt(s.Sum(), 10)
	case wire.FormSSEMulti:
		return s.Positions()
	default:
		return ""
	}
}

// Positions is CursorText with the channel's name even if there is just one.
func (s *Session) Positions() string { return string(s.appendCursor(nil)) }

func (s *Session) appendCursor(b []byte) []byte {
	first := true
	for f := range s.follows() {
		b = wire.AppendPosition(b, first, f.topic.channel, f.id)
		first = false
	}
	return b
}
