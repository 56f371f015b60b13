package chat

import (
	"time"

	"parley"
	"parley/wire"
)

// Enter says that a connection of a user follows a channel; the others hear of it
// if it is the first. Guests come and go unseen.
func (s *Service) Enter(channel parley.ChannelID, c Caller) {
	if owner, own := channel.Owner(); own {
		s.inboxes.enter(owner)
	}
	if c.Named() && s.presence.Enter(channel, c.User) {
		s.hub.Event(channel, "user-joined", wire.UserEvent(nil, "user-joined", channel, c.User, c.Name), string(c.User))
	}
}

// Leave says that a connection of a user has stopped following a channel.
func (s *Service) Leave(channel parley.ChannelID, c Caller) {
	if owner, own := channel.Owner(); own {
		s.inboxes.leave(owner)
	}
	if c.Named() {
		s.presence.Leave(channel, c.User, c.Name, s.clock())
	}
}

// tellGone tells of users who have not come back.
func (s *Service) tellGone(now time.Time) {
	for _, d := range s.presence.Due(now) {
		name := d.Name
		if name == "" {
			name = string(d.User)
		}
		s.hub.Event(d.Channel, "system", wire.System(nil, d.Channel, d.User, name+" disconnected"), string(d.User))
		s.hub.Event(d.Channel, "user-left", wire.UserEvent(nil, "user-left", d.Channel, d.User, d.Name), string(d.User))
	}
}
