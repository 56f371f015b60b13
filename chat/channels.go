package chat

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/parley-server/parley"
	"github.com/parley-server/parley/access"
)

// Look returns a channel's settings, with the kind always set, and its bounds, to a caller who
// may read or administer it; with public, also to one who may join it.
func (s *Service) Look(ctx context.Context, c access.Caller, channel parley.ChannelID, public bool) (
	set parley.Settings, b parley.Bounds, err error) {
	visible := false
	if public {
		visible, err = s.visible(ctx, c, channel)
	}
	if err == nil && !visible {
		err = s.Authorize(ctx, c, access.Read|access.Administer, channel)
	}
	if err != nil {
		return set, b, err
	}
	if set, err = s.settings(ctx, channel); err != nil {
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

// settings returns the settings of one channel.
func (s *Service) settings(ctx context.Context, channel parley.ChannelID) (parley.Settings, error) {
	all, err := s.store.Settings(ctx, channel)
	if err != nil {
		return parley.Settings{}, err
	}
	return all[0], nil
}

// Configure changes a channel's settings by a function that receives the current ones, perhaps
// more than once. A user who makes a channel members-only owns it. The two users of a direct
// channel become its members, and may set what they read about it, but not who may read or how
// much is kept.
func (s *Service) Configure(ctx context.Context, c access.Caller, channel parley.ChannelID, change func(*parley.Settings)) error {
	return retryChanged(func() error { return s.configure(ctx, c, channel, change) })
}

// errKind refuses a change of a channel's kind that no rights change has announced.
var errKind = errors.New("the kind changes")

func (s *Service) configure(ctx context.Context, c access.Caller, channel parley.ChannelID, change func(*parley.Settings)) error {
	a, denied := s.authorize(ctx, c, access.Administer, channel)
	_, _, direct := channel.Direct()
	if !direct && strings.HasPrefix(string(channel), "dm:") {
		return &parley.Error{Code: parley.CodeBadChannel, Detail: "a direct channel is named dm: and its two users, in order",
			Hint: "such as dm:alice:bob"}
	}
	if denied != nil && !(direct && a.role.In()) {
		return denied
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	if !a.made {
		if err := s.allowCreate(ctx, c, channel); err != nil {
			return err
		}
	}
	announced := false
	apply := func(set *parley.Settings) error {
		was := *set
		change(set)
		switch {
		case direct && set.Kind == parley.KindPublic:
			return &parley.Error{Code: parley.CodeBadRequest, Detail: "a direct channel can't be public", Hint: "use another channel"}
		case denied != nil && !sameRetention(set.Retention, was.Retention):
			return denied
		case s.kindOf(channel, set) != s.kindOf(channel, &was) && !announced:
			return errKind
		}
		return nil
	}
	own, cancel := detached(ctx)
	defer cancel()
	_, _, err := s.store.SetChannel(own, channel, apply)
	if errors.Is(err, errKind) {
		// The owner first: a channel must not become closed to everybody.
		if err := s.own(own, c, channel, a, change); err != nil {
			return err
		}
		announced = true
		err = s.takeRights(own, rightsChange{Channel: channel}, func(ctx context.Context) error {
			_, _, err := s.store.SetChannel(ctx, channel, apply)
			return err
		})
	}
	if err == nil && direct {
		err = s.openDirect(own, channel, "")
	}
	return err
}

func sameRetention(a, b *parley.Retention) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// own makes the caller an owner if a change makes a channel members-only.
func (s *Service) own(ctx context.Context, c access.Caller, channel parley.ChannelID, a facts, change func(*parley.Settings)) error {
	var set parley.Settings
	change(&set)
	if s.kindOf(channel, &set) != parley.KindMembers || !c.Named() || c.As != nil && c.As.Service {
		return nil
	}
	_, err := s.setRole(ctx, channel, c.User, a.stored(), parley.RoleOwner)
	return err
}

// kindOf is a channel's kind, by its settings or its namespace.
func (s *Service) kindOf(channel parley.ChannelID, set *parley.Settings) parley.ChannelKind {
	return cmp.Or(set.Kind, s.kind(channel))
}

// Remove deletes a channel's messages, members and settings; its ids continue.
func (s *Service) Remove(ctx context.Context, c access.Caller, channel parley.ChannelID) error {
	if err := s.Authorize(ctx, c, access.Administer, channel); err != nil {
		return err
	}
	if err := s.allowSend(c, channel); err != nil {
		return err
	}
	var members []parley.UserID // who must be notified; there may be a hundred thousand
	for after := parley.UserID(""); ; {
		ms, next, err := s.store.Members(ctx, channel, after, 1000)
		if err != nil {
			return err
		}
		for i := range ms {
			members = append(members, ms[i].User)
		}
		if after = next; next == "" {
			break
		}
	}
	return s.takeRights(ctx, rightsChange{Channel: channel}, func(ctx context.Context) error {
		err := s.store.RemoveChannel(ctx, channel)
		if err != nil && !errors.Is(err, parley.ErrUnknown) {
			return err
		}
		s.feed.Hub().Forget(channel)
		for _, user := range members {
			s.tellMembership(channel, user, parley.Member{})
		}
		return err
	})
}

// mostPassed is how many other channels a list skips.
const mostPassed = 1000

// Public lists the public channels that a caller may read or join, after the given name, at most
// limit, and fewer if it would have to skip many others. next is where the next page begins, ""
// at the end.
func (s *Service) Public(ctx context.Context, c access.Caller, after parley.ChannelID, limit int) (
	channels []parley.ChannelID, next parley.ChannelID, err error) {
	for looked := 0; ; {
		names, err := s.store.OpenChannels(ctx, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			if len(channels) == limit || looked == limit+mostPassed {
				s.AskAbout(c, looked)
				return channels, after, nil
			}
			after = name
			looked++
			visible, err := s.visible(ctx, c, name)
			if err != nil {
				return nil, "", err
			}
			if visible {
				channels = append(channels, name)
			}
		}
		if len(names) <= limit {
			s.AskAbout(c, looked)
			return channels, "", nil
		}
	}
}

// visible reports whether a channel is public, and the caller not excluded from it.
func (s *Service) visible(ctx context.Context, c access.Caller, channel parley.ChannelID) (bool, error) {
	if _, own := channel.Owner(); own || channel.Internal() {
		return false, nil
	}
	a, err := s.facts(ctx, c.User, channel)
	if err != nil || a.kind != parley.KindPublic || a.role == parley.RoleBanned {
		return false, err
	}
	return c.As == nil || !c.As.Listed || access.Rights(c, channel, a.kind, a.role)&access.Read != 0, nil
}
