package chat

import (
	"cmp"
	"context"
	"time"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
	"github.com/parley-server/parley/presence"
	"github.com/parley-server/parley/wire"
)

// Tiers are the sizes of a channel up to which each arrival and departure is announced, and up
// to which differences name users (presence.Config).
func (ns Namespaces) Tiers(channel parley.ChannelID) (each, batch int) {
	n := ns.Of(channel)
	switch {
	case n.Quiet:
		return 0, -1
	case n.Each == 0 && n.Batch > 0:
		return min(presence.Each, n.Batch), n.Batch
	}
	each = cmp.Or(n.Each, presence.Each)
	return each, cmp.Or(n.Batch, max(presence.Batch, each))
}

// Come notes that a connection of a user is open, whatever it follows. Guests have no presence,
// here and below.
func (s *Service) Come(c access.Caller, via parley.Transport) {
	if c.Named() {
		s.presence.Enter("", c.User, c.Name, via, s.clock())
	}
}

// Go notes that it was closed. hidden reports whether the last call of Hide hid it.
func (s *Service) Go(c access.Caller, via parley.Transport, hidden bool) {
	switch {
	case !c.Named():
	case hidden:
		s.presence.LeaveHidden(c.User, c.Name, s.clock())
	default:
		s.presence.Leave("", c.User, c.Name, via, s.clock())
	}
}

// Hide notes that an open WebSocket of a user is hidden, or is visible again.
func (s *Service) Hide(c access.Caller, hidden bool) {
	switch {
	case !c.Named():
	case hidden:
		s.presence.Hide(c.User)
	default:
		s.presence.Show(c.User)
	}
}

// Visible reports for each user, in the order of the arguments, whether the user may be looking at a connection, on any
// node: the user is online, and not all of the user's connections are hidden.
func (s *Service) Visible(ctx context.Context, users ...parley.UserID) ([]bool, error) {
	found, err := s.keeper.Online(ctx, users...)
	if err != nil {
		return nil, err
	}
	visible := make([]bool, len(found))
	for i := range found {
		visible[i] = found[i].Visible
	}
	return visible, nil
}

// Enter notes that a connection of a user follows a channel; the others are notified if it is
// the first.
func (s *Service) Enter(channel parley.ChannelID, c access.Caller, via parley.Transport) {
	if owner, own := channel.Owner(); own {
		s.unread.AddConn(owner)
		s.feed.Watch(inboxTopic(owner))
	}
	if c.Named() && s.presence.Enter(channel, c.User, c.Name, via, s.clock()) {
		s.tellJoined(channel, c.User, c.Name)
	}
}

// Leave notes that a connection of a user has stopped following a channel.
func (s *Service) Leave(channel parley.ChannelID, c access.Caller, via parley.Transport) {
	if owner, own := channel.Owner(); own {
		s.unread.RemoveConn(owner)
		s.feed.Unwatch(inboxTopic(owner))
	}
	if c.Named() {
		s.presence.Leave(channel, c.User, c.Name, via, s.clock())
	}
}

// Hold notes that a long poll of a user is held for channels.
func (s *Service) Hold(c access.Caller, channels ...parley.ChannelID) {
	if !c.Named() {
		return
	}
	now := s.clock()
	s.presence.Enter("", c.User, c.Name, parley.TransportLongPoll, now)
	for _, channel := range channels {
		if s.presence.Enter(channel, c.User, c.Name, parley.TransportLongPoll, now) {
			s.tellJoined(channel, c.User, c.Name)
		}
	}
}

// Release notes that the poll is no longer held. From now on a lease keeps the user present: in
// the channels too if asked, that is if the user may still read them.
func (s *Service) Release(c access.Caller, asked bool, channels ...parley.ChannelID) {
	if !c.Named() {
		return
	}
	if asked {
		s.Asked(c, parley.TransportLongPoll, channels...)
	}
	now := s.clock()
	for _, channel := range channels {
		s.presence.Leave(channel, c.User, c.Name, parley.TransportLongPoll, now)
	}
	s.presence.Leave("", c.User, c.Name, parley.TransportLongPoll, now)
}

// Asked notes that a user has polled channels.
func (s *Service) Asked(c access.Caller, via parley.Transport, channels ...parley.ChannelID) {
	if !c.Named() {
		return
	}
	now := s.clock()
	s.presence.Asked("", c.User, c.Name, via, now)
	for _, channel := range channels {
		if s.presence.Asked(channel, c.User, c.Name, via, now) {
			s.tellJoined(channel, c.User, c.Name)
		}
	}
}

// Here reports who is in a channel, and names at most limit users.
func (s *Service) Here(ctx context.Context, c access.Caller, channel parley.ChannelID, limit int) (parley.Occupancy, error) {
	if err := s.Authorize(ctx, c, access.Presence, channel); err != nil {
		return parley.Occupancy{}, err
	}
	return s.keeper.Here(ctx, channel, limit)
}

// Seen reports whether a user is online, and if not when the user was last seen.
func (s *Service) Seen(ctx context.Context, c access.Caller, user parley.UserID) (parley.OnlineStatus, error) {
	if ok, err := s.shares(ctx, c, user); err != nil {
		return parley.OnlineStatus{}, err
	} else if !ok {
		return parley.OnlineStatus{}, &parley.Error{Code: parley.CodeForbidden, Detail: "the user is in no channel with " +
			"you", Hint: "presence is for those who are members of the same channel"}
	}
	found, err := s.sightings(ctx, user)
	if err != nil {
		return parley.OnlineStatus{}, err
	}
	return found[0], nil
}

// sightings returns users' status as clients read it: an online user is seen now.
func (s *Service) sightings(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	found, err := s.keeper.Seen(ctx, users...)
	for i := range found {
		if found[i].Online {
			found[i].Seen = parley.Timestamp(s.clock().UnixMicro())
		}
	}
	return found, err
}

// Users returns the number of users on this node.
func (s *Service) Users() int { return s.presence.Users() }

// PresenceTold returns the counts of presence messages that this node has sent.
func (s *Service) PresenceTold() presence.Counts { return s.presence.Counts() }

func (s *Service) tellJoined(channel parley.ChannelID, user parley.UserID, name string) {
	s.tellPresence(channel, "user-joined", wire.UserEvent(nil, "user-joined", channel, user, name), user)
}

// tellNews sends arrivals, departures and differences to their channels.
func (s *Service) tellNews(ctx context.Context, now time.Time) {
	for {
		n, ok := s.presence.Next(now)
		if !ok {
			return
		}
		if n.User != "" && n.Channel == "" {
			s.feed.Nudge(userTopic(n.User))
			continue
		}
		if n.User != "" && n.Came {
			s.tellJoined(n.Channel, n.User, n.Name)
			continue
		}
		if n.User == "" {
			if n = s.keeper.Current(ctx, n); n.Joined != nil && len(n.Joined)+len(n.Left) == 0 {
				continue // another node has sent it
			}
			s.tellPresence(n.Channel, "presence", wire.Difference(nil, n.Channel, n.Joined, n.Left, n.Count), "")
			continue
		}
		name := n.Name
		if name == "" {
			name = string(n.User)
		}
		s.tellPresence(n.Channel, "system", wire.System(nil, n.Channel, n.User, n.Name, name+" disconnected"), n.User)
		s.tellPresence(n.Channel, "user-left", wire.UserEvent(nil, "user-left", n.Channel, n.User, n.Name), n.User)
	}
}

// tellMissed sends this node's streams the presence of channels for which events of other nodes may have
// been lost, until ctx ends.
func (s *Service) tellMissed(ctx context.Context) {
	for s.presence.AwaitMissed(ctx) {
		for n, ok := s.keeper.NextMissed(ctx); ok; n, ok = s.keeper.NextMissed(ctx) {
			obj := wire.Difference(nil, n.Channel, n.Joined, n.Left, n.Count)
			s.presence.ChargeBudget(s.Hub().Event(n.Channel, parley.Event{Name: "presence", Object: obj, Presence: true}))
		}
	}
}

// tellPresence sends a presence event to a channel's streams, except to those of the user whom
// it is about.
func (s *Service) tellPresence(channel parley.ChannelID, name string, obj []byte, about parley.UserID) {
	s.presence.ChargeBudget(s.feed.Event(channel, parley.Event{Name: name, Object: obj, Skip: string(about), Presence: true}))
}
