// Package watch notifies streams whether the users whom they watch are online. It receives
// facts (a user's memberships have changed) and functions to read and to follow, and calls
// nothing else.
package watch

import (
	"context"
	"slices"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/wire"
)

// Most is how many users one stream may watch.
const Most = 500

// TooMany returns the error for more than Most users.
func TooMany() error {
	return &parley.Error{
		Code:   parley.CodeTooLarge,
		Reason: "watched",
		Detail: "more than 500 users to watch",
		Hint:   "watch those who are shown",
	}
}

// mostWaiting is how many bytes of a stream's own may wait before it receives no further
// status; it receives the current one later.
const mostWaiting = 32 << 10

// Stream is the receiver: a hub.Session. It is comparable.
type Stream interface {
	Send(b []byte) int
	Waiting() int
	Form() wire.Form
}

// Config of Streams. All fields are required.
type Config struct {
	Tracker *presence.Tracker // which streams watch whom, and who came and went
	// Status returns the status of users, in the order of the arguments. It may block.
	Status func(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error)
	// Follow has Changed called for a user of whom something changes on another node, until it
	// was called as often with false.
	Follow func(user parley.UserID, followed bool)
	Clock  func() time.Time
}

// Streams are the streams of this node that watch users.
type Streams struct {
	cfg     Config
	sharers sharers
}

// New creates Streams that watch no users.
func New(cfg Config) *Streams { return &Streams{cfg: cfg, sharers: newSharers()} }

// Watch sends a stream the status of users, then each change, instead of those that it watched
// before; no users ends it. shares reports whether the user self shares a channel with another:
// the stream receives nothing of users with whom self shares none, as long as that is so. nil:
// self shares one with everybody. It may block; the error is that of a function.
func (s *Streams) Watch(ctx context.Context, stream Stream, self parley.UserID, shares Shares, users []parley.UserID) error {
	s.watch(stream, users)
	if len(users) == 0 || shares == nil {
		s.sharers.remove(stream)
	} else {
		s.sharers.set(stream, self, shares)
	}
	err := s.tell(ctx, stream, users)
	for err == errChanged {
		err = s.tell(ctx, stream, users)
	}
	if err != nil {
		s.Unwatch(stream)
		return err
	}
	s.cfg.Tracker.Tell(stream)
	return nil
}

// Unwatch ends a Watch.
func (s *Streams) Unwatch(stream Stream) {
	s.watch(stream, nil)
	s.sharers.remove(stream)
}

func (s *Streams) watch(stream Stream, users []parley.UserID) {
	users = slices.Compact(slices.Sorted(slices.Values(users)))
	for _, user := range users {
		s.cfg.Follow(user, true)
	}
	for _, user := range s.cfg.Tracker.Watch(stream, users) {
		s.cfg.Follow(user, false)
	}
}

// Changed notes that a user may have come, gone, or joined a channel on another node.
func (s *Streams) Changed(user parley.UserID) {
	s.Moved(user, true)
	for _, w := range s.cfg.Tracker.Watching(user) {
		s.cfg.Tracker.Tell(w, user)
	}
}

// tell sends a stream the status of the users whom it may see, unless it has received the same.
func (s *Streams) tell(ctx context.Context, stream Stream, users []parley.UserID) error {
	users, err := s.sharers.mayKnow(ctx, stream, users)
	if err != nil || len(users) == 0 {
		return err
	}
	found, err := s.cfg.Status(ctx, users...)
	if err != nil {
		return err
	}
	found = s.cfg.Tracker.News(stream, found)
	var frames []byte
	for _, one := range found {
		frames = stream.Form().AppendControl(frames, "", "presence", wire.Watched(nil, one))
	}
	if len(frames) > 0 {
		stream.Send(frames)
	}
	s.cfg.Tracker.ChargeBudget(len(found))
	return nil
}

// Run sends changes to streams until ctx ends.
func (s *Streams) Run(ctx context.Context) {
	for s.cfg.Tracker.AwaitChanged(ctx) {
		s.tellAll(ctx)
	}
}

// tellAll sends changes to the streams that can receive them now. A stream that does not read,
// or whose users the store cannot report now, receives them later.
func (s *Streams) tellAll(ctx context.Context) {
	var later []func()
	for {
		w, users, ok := s.cfg.Tracker.Changed(s.cfg.Clock())
		if !ok {
			break
		}
		stream := w.(Stream)
		if stream.Waiting() > mostWaiting || s.tell(ctx, stream, users) != nil {
			later = append(later, func() { s.cfg.Tracker.Tell(stream, users...) })
		}
	}
	for _, again := range later {
		again()
	}
}

// Moved rechecks, where it matters, who shares a channel with a user who has joined or left a
// channel.
func (s *Streams) Moved(user parley.UserID, joined bool) {
	for stream, users := range s.sharers.forget(user, joined, s.cfg.Tracker.Watching(user)) {
		s.cfg.Tracker.Tell(stream, users...)
	}
}
