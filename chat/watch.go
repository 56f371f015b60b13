package chat

import (
	"context"
	"time"

	"parley"
	"parley/hub"
	"parley/wire"
)

// MaxWatched is how many users one stream may watch.
const MaxWatched = 500

// TooManyWatched refuses more than MaxWatched.
func TooManyWatched() error {
	return &parley.Error{Code: parley.CodeTooLarge, Reason: "watched", Detail: "more than 500 users to watch", Hint: "watch those who are shown"}
}

// unreadWatch is how many bytes of a stream's own may wait before it is told no more of
// whom it watches; later it is told how they are then.
const unreadWatch = 32 << 10

// Watch tells a stream how users stand, then of each change, instead of those whom it
// watched before; none ends it. Of users with whom the caller shares no channel it is
// told nothing, as long as that is so. It may block; the error is the store's, or that
// there are too many.
func (s *Service) Watch(ctx context.Context, c Caller, session *hub.Session, users []parley.UserID) error {
	if len(users) > MaxWatched {
		return TooManyWatched()
	}
	if err := s.Ask(c, 1+len(users)); err != nil {
		return err
	}
	s.presence.Watch(session, users)
	if len(users) == 0 || c.knowsAll() {
		s.sharers.set(session, nil)
	} else {
		s.sharers.set(session, &c)
	}
	err := s.tellWatcher(ctx, session, users)
	for err == errChanged {
		err = s.tellWatcher(ctx, session, users)
	}
	if err != nil {
		s.Unwatch(session)
		return err
	}
	s.presence.Tell(session)
	return nil
}

// Unwatch ends it.
func (s *Service) Unwatch(session *hub.Session) {
	s.presence.Watch(session, nil)
	s.sharers.set(session, nil)
}

// Watchers is how many streams watch users.
func (s *Service) Watchers() int { return s.presence.Watchers() }

// tellWatcher tells a stream how users stand, those of whom it may know.
func (s *Service) tellWatcher(ctx context.Context, session *hub.Session, users []parley.UserID) error {
	users, err := s.mayKnow(ctx, session, users)
	if err != nil || len(users) == 0 {
		return err
	}
	found, err := s.sightings(ctx, users...)
	if err != nil {
		return err
	}
	var frames []byte
	for _, one := range found {
		frames = session.Form().AppendControl(frames, "", "presence", wire.Watched(nil, one))
	}
	if len(frames) > 0 {
		session.Send(frames)
	}
	s.presence.Told(len(found))
	return nil
}

// watchEvery is how often watchers are told of changes.
const watchEvery = 100 * time.Millisecond

// runWatches tells watchers of changes until ctx ends.
func (s *Service) runWatches(ctx context.Context) {
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
			s.tellWatchers(ctx)
		}
	}
}

// tellWatchers tells those who can be told now. Who does not read, or whose users the
// store does not know now, is told later.
func (s *Service) tellWatchers(ctx context.Context) {
	var later []func()
	for {
		w, users, ok := s.presence.Changed(s.clock())
		if !ok {
			break
		}
		session := w.(*hub.Session)
		if session.Waiting() > unreadWatch || s.tellWatcher(ctx, session, users) != nil {
			later = append(later, func() { s.presence.Tell(session, users...) })
		}
	}
	for _, again := range later {
		again()
	}
}

// knowsAll tells whether a caller may know of everybody.
func (c Caller) knowsAll() bool { return c.As != nil && (c.As.Service || c.As.Development) }

// shares tells whether a caller may know of a user: themself, one who is a member of a
// channel that the caller is a member of, or where the caller's credentials let them see who
// is there; and for a back end and in development everybody.
func (s *Service) shares(ctx context.Context, c Caller, user parley.UserID) (bool, error) {
	switch {
	case c.knowsAll(), c.User == user:
		return true, nil
	case !c.Named() || user == parley.Guest:
		return false, nil
	}
	if both, err := s.bothIn(ctx, c.User, user); err != nil || both {
		return both, err
	}
	return s.seesWhere(ctx, c, user)
}

// mostSeen is of how many of a user's channels it is asked whether a caller sees who is
// there, as each may take reads of the store. The first is nearly always the answer.
const mostSeen = 20

// seesWhere tells whether a caller's credentials name a channel that a user is a member of,
// and where the caller may see who is there.
func (s *Service) seesWhere(ctx context.Context, c Caller, user parley.UserID) (bool, error) {
	if c.As == nil || !c.As.Listed {
		return false, nil
	}
	channels, err := s.Mine(ctx, user)
	if err != nil {
		return false, err
	}
	asked := 0
	for _, channel := range channels {
		if c.As.rights(channel)&Presence == 0 {
			continue
		}
		if asked++; asked > mostSeen {
			break
		}
		switch err := s.Authorize(ctx, c, Presence, channel); {
		case err == nil:
			return true, nil
		case parley.AsError(err).Code != parley.CodeForbidden:
			return false, err
		}
	}
	return false, nil
}

// bothIn tells whether two users are members of the same channel.
func (s *Service) bothIn(ctx context.Context, one, other parley.UserID) (bool, error) {
	const page = 1000
	var a, b []parley.ChannelID
	var err error
	for fromA, fromB := parley.ChannelID(""), parley.ChannelID(""); ; {
		if a, err = s.store.Memberships(ctx, one, fromA, page); err != nil || len(a) == 0 {
			return false, err
		}
		if b, err = s.store.Memberships(ctx, other, fromB, page); err != nil || len(b) == 0 {
			return false, err
		}
		i, j := 0, 0
		for i < len(a) && j < len(b) {
			switch {
			case a[i] == b[j]:
				return true, nil
			case a[i] < b[j]:
				i++
			default:
				j++
			}
		}
		if i > 0 {
			fromA = a[i-1]
		}
		if j > 0 {
			fromB = b[j-1]
		}
	}
}
