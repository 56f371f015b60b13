package chat

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/hub"
	"github.com/parley-server/parley/watch"
)

// userTopics is the prefix of topics on which nodes announce that a user came, left or joined a
// channel, for streams that watch the user. No client can name one, and nothing is stored in
// them.
const userTopics = "$user/"

func userTopic(user parley.UserID) parley.ChannelID { return userTopics + parley.ChannelID(user) }

func (s *Service) followUser(user parley.UserID, followed bool) {
	if followed {
		s.feed.Watch(userTopic(user))
	} else {
		s.feed.Unwatch(userTopic(user))
	}
}

// Watch sends a stream the status of users, and then each change, instead of those that it
// watched before; no users ends it. It reveals nothing of users with whom the caller shares no
// channel, as long as that is so. It may block; the error is the store's, or that there are too
// many users.
func (s *Service) Watch(ctx context.Context, c access.Caller, session *hub.Session, users []parley.UserID) error {
	if len(users) > watch.Most {
		return watch.TooMany()
	}
	if err := s.Ask(c, 1+len(users)); err != nil {
		return err
	}
	var shares watch.Shares
	if !c.KnowsAll() {
		shares = func(ctx context.Context, user parley.UserID) (bool, error) { return s.shares(ctx, c, user) }
	}
	return s.watches.Watch(ctx, session, c.User, shares, users)
}

// Unwatch ends a Watch.
func (s *Service) Unwatch(session *hub.Session) { s.watches.Unwatch(session) }

// Watchers returns the number of streams that watch users.
func (s *Service) Watchers() int { return s.presence.Watchers() }

// shares reports whether a caller may see a user's status: the caller, a member of a channel
// that the caller is a member of, or a member where the caller's credentials allow seeing
// presence; and for a back end and in development everybody.
func (s *Service) shares(ctx context.Context, c access.Caller, user parley.UserID) (bool, error) {
	switch {
	case c.KnowsAll(), c.User == user:
		return true, nil
	case !c.Named() || user == parley.Guest:
		return false, nil
	}
	if both, err := s.bothIn(ctx, c.User, user); err != nil || both {
		return both, err
	}
	return s.seesWhere(ctx, c, user)
}

// mostSeen is for how many of a user's channels it is checked whether a caller may see their
// presence, as each check may read the store. The first nearly always decides.
const mostSeen = 20

// seesWhere reports whether a caller's credentials name a channel that a user is a member of,
// and where the caller may see presence.
func (s *Service) seesWhere(ctx context.Context, c access.Caller, user parley.UserID) (bool, error) {
	if c.As == nil || !c.As.Listed {
		return false, nil
	}
	channels, err := s.Mine(ctx, user)
	if err != nil {
		return false, err
	}
	asked := 0
	for _, channel := range channels {
		if c.As.Rights(channel)&access.Presence == 0 {
			continue
		}
		if asked++; asked > mostSeen {
			break
		}
		switch err := s.Authorize(ctx, c, access.Presence, channel); {
		case err == nil:
			return true, nil
		case parley.AsError(err).Code != parley.CodeForbidden:
			return false, err
		}
	}
	return false, nil
}

// bothIn reports whether two users are members of the same channel.
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
