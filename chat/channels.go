package chat

import (
	"context"
	"strings"

	"parley"
)

// Look returns a channel's settings, the kind always, and its bounds, to who may read or
// administer it. public: also to who may join it.
func (s *Service) Look(ctx context.Context, c Caller, channel parley.ChannelID, public bool) (set parley.Settings, b parley.Bounds, err error) {
	visible := false
	if public {
		visible, err = s.visible(ctx, c, channel)
	}
	if err == nil && !visible {
		err = s.Authorize(ctx, c, Read|Administer, channel)
	}
	if err != nil {
		return set, b, err
	}
	if set, err = s.store.Channel(ctx, channel); err != nil {
		return set, b, err
	}
	if set.Kind == "" {
		set.Kind = s.kind(channel)
	}
	bs, err := s.store.Bounds(ctx, channel)
	if err != nil {
		return set, b, err
	}
	return set, bs[0], nil
}

// Configure changes a channel's settings by a function that is given those it has. Who
// makes a members-only channel owns it; a direct channel's two are its members from
// then on.
func (s *Service) Configure(ctx context.Context, c Caller, channel parley.ChannelID, change func(*parley.Settings)) (parley.Settings, error) {
	a, err := s.authorize(ctx, c, Administer, channel)
	_, _, direct := channel.Direct()
	if !direct && strings.HasPrefix(string(channel), "dm:") {
		return parley.Settings{}, &parley.Error{Code: parley.CodeBadChannel, Detail: "a direct channel is named dm: and its two users, in order", Hint: "such as dm:alice:bob"}
	}
	if err != nil && !(direct && a.role.In()) {
		return parley.Settings{}, err
	}
	if err := s.spend(c, channel); err != nil {
		return parley.Settings{}, err
	}
	if !a.made {
		if err := s.make(ctx, c, channel); err != nil {
			return parley.Settings{}, err
		}
	}
	was, err := s.store.Channel(ctx, channel)
	if err != nil {
		return was, err
	}
	set := was
	change(&set)
	if direct && set.Kind == parley.Public {
		return set, &parley.Error{Code: parley.CodeBadRequest, Detail: "a direct channel can't be public", Hint: "use another channel"}
	}
	if err := s.store.SetChannel(ctx, channel, set); err != nil {
		return set, err
	}
	if direct {
		if err := s.openDirect(ctx, channel); err != nil {
			return set, err
		}
	}
	if set.Kind == "" {
		set.Kind = s.kind(channel)
	}
	if set.Kind != a.kind {
		if set.Kind == parley.MembersOnly && c.Named() && !(c.As != nil && c.As.Service) {
			if _, err := s.setRole(ctx, channel, c.User, parley.Owner); err != nil {
				return set, err
			}
		}
		s.known.generation.Add(1)
		err = s.control.append(ctx, order{Channel: channel})
	}
	return set, err
}

// Remove deletes a channel's messages, members and settings; its ids go on.
func (s *Service) Remove(ctx context.Context, c Caller, channel parley.ChannelID) error {
	if err := s.Authorize(ctx, c, Administer, channel); err != nil {
		return err
	}
	if err := s.spend(c, channel); err != nil {
		return err
	}
	var members []parley.UserID // to be told; there may be a hundred thousand
	for after := parley.UserID(""); ; after = members[len(members)-1] {
		ms, err := s.store.Members(ctx, channel, after, 1000)
		if err != nil {
			return err
		}
		for i := range ms {
			members = append(members, ms[i].User)
		}
		if len(ms) < 1000 {
			break
		}
	}
	if err := s.store.RemoveChannel(ctx, channel); err != nil {
		return err
	}
	s.known.generation.Add(1)
	s.hub.Forget(channel)
	for _, user := range members {
		s.tellMembership(channel, user, parley.Member{})
	}
	return s.control.append(ctx, order{Channel: channel})
}

// Public lists the public channels that a caller may read or join, after the one named,
// at most limit. next is where to go on, "" at the end.
func (s *Service) Public(ctx context.Context, c Caller, after parley.ChannelID, limit int) (channels []parley.ChannelID, next parley.ChannelID, err error) {
	for {
		names, err := s.store.Channels(ctx, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			if len(channels) == limit {
				return channels, channels[limit-1], nil
			}
			after = name
			visible, err := s.visible(ctx, c, name)
			if err != nil {
				return nil, "", err
			}
			if visible {
				channels = append(channels, name)
			}
		}
		if len(names) <= limit {
			return channels, "", nil
		}
	}
}

// visible tells whether a channel is public, and a caller not kept out of it.
func (s *Service) visible(ctx context.Context, c Caller, channel parley.ChannelID) (bool, error) {
	if _, own := channel.Owner(); own || channel.Internal() {
		return false, nil
	}
	a, err := s.access(ctx, c.User, channel)
	if err != nil || a.kind != parley.Public || a.role == parley.Banned {
		return false, err
	}
	return c.As == nil || !c.As.Listed || rights(c, channel, a)&Read != 0, nil
}
