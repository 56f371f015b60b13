package chat

import (
	"context"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/unread"
	"github.com/parley-server/parley/wire"
)

// inboxTopics is the prefix of topics on which nodes announce that a user's memberships or
// pointers have changed. No client can name one, and nothing is stored in them.
const inboxTopics = "$inbox/"

func inboxTopic(user parley.UserID) parley.ChannelID {
	return inboxTopics + parley.ChannelID(user)
}

// newInboxes creates the Inboxes that send unread counts on users' own channels.
func (s *Service) newInboxes() *unread.Inboxes {
	tell := func(user parley.UserID, name string, obj []byte) {
		s.feed.Hub().Event(parley.ChannelID("@"+user), parley.Event{Name: name, Object: obj}) // each node counts for its own connections
	}
	return unread.New(unread.Config{
		Channels: s.Mine,
		Count: func(ctx context.Context, user parley.UserID, channels []parley.ChannelID) ([]parley.Count, error) {
			_, counts, err := s.counts(ctx, user, channels)
			return counts, err
		},
		Bounds: func(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
			return s.store.Bounds(ctx, channels...)
		},
		Pointed: func(channel parley.ChannelID) bool {
			f := s.spaces.Of(channel).Fanout
			return f == OnRead || f == Tiered
		},
		Tell: func(user parley.UserID, c *parley.Count, total int64) {
			tell(user, "unread", wire.Unread(nil, c, total))
		},
		More: func(user parley.UserID, channel parley.ChannelID, head int64) {
			tell(user, "more", wire.More(nil, channel, head))
		},
		Watch: func(channel parley.ChannelID, watched bool) {
			if watched {
				s.feed.Watch(channel)
			} else {
				s.feed.Unwatch(channel)
			}
		},
		Clock: s.clock,
	})
}
