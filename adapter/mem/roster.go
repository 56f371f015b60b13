package mem

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/parley-server/parley"
)

// admit makes a user a member.
func (c *channel) admit(m *member) {
	if c.members == nil {
		c.members = map[parley.UserID]*member{}
	}
	c.members[m.User] = m
	if c.store.lists[m.User] == nil {
		c.store.lists[m.User] = map[parley.ChannelID]struct{}{}
	}
	c.store.lists[m.User][c.name] = struct{}{}
}

// expel removes a user and keeps a remaining role.
func (c *channel) expel(user parley.UserID, role parley.Role) {
	if c.members == nil {
		c.members = map[parley.UserID]*member{}
	}
	c.members[user] = &member{Member: parley.Member{User: user, Role: role}, left: c.last}
	if delete(c.store.lists[user], c.name); len(c.store.lists[user]) == 0 {
		delete(c.store.lists, user)
	}
}

// Member implements parley.Roster.
func (h *Handle) Member(ctx context.Context, user parley.UserID, channels ...parley.ChannelID) (ms []parley.Member, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range channels {
			m := parley.Member{User: user}
			if c := s.channels[name]; c != nil && c.members[user] != nil {
				m = c.members[user].Member
			}
			ms = append(ms, m)
		}
		return nil
	})
	return ms, err
}

// SetMember implements parley.Roster.
func (h *Handle) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, change parley.MemberChange) (
	was, is parley.Member, err error) {
	err = h.write(ctx, func(s *Store) (err error) {
		was, is, err = s.makeLocked(channel).setMember(user, change)
		return err
	})
	if err != nil {
		return parley.Member{}, parley.Member{}, fmt.Errorf("%s in %s: %w", user, channel, err)
	}
	return was, is, nil
}

func (c *channel) setMember(user parley.UserID, change parley.MemberChange) (was, is parley.Member, err error) {
	was = parley.Member{User: user}
	if m := c.members[user]; m != nil {
		was = m.Member
	}
	is = was
	if change.Was != nil && *change.Was != was.Role {
		return was, is, parley.ErrChanged
	}
	if change.Role != nil {
		is.Role = *change.Role
	}
	if !is.Role.In() {
		if is = (parley.Member{User: user, Role: is.Role}); change.Role != nil {
			c.expel(user, is.Role)
		}
		return was, is, nil
	}
	if !was.Role.In() {
		is.ReadID, is.ReadCount = c.last, c.count
		is.Joined = parley.Timestamp(c.store.clock().UnixMicro())
	}
	if change.Mute != nil {
		is.Mute = *change.Mute
	}
	if change.Read != nil {
		if to := min(*change.Read, c.last); to > is.ReadID {
			is.ReadID, is.ReadCount = to, c.countAt(to)
		}
	}
	c.admit(&member{Member: is})
	c.listed = true
	return was, is, nil
}

// Members implements parley.Roster.
func (h *Handle) Members(ctx context.Context, channel parley.ChannelID, after parley.UserID, limit int) (ms []parley.Member,
	next parley.UserID, err error) {
	err = h.read(ctx, func(s *Store) error {
		c := s.channels[channel]
		if c == nil {
			return nil
		}
		for _, user := range slices.Sorted(maps.Keys(c.members)) {
			if m := c.members[user]; user > after && m.Role.In() {
				if len(ms) == limit {
					next = ms[limit-1].User
					return nil
				}
				ms = append(ms, m.Member)
			}
		}
		return nil
	})
	return ms, next, err
}

// Memberships implements parley.Roster.
func (h *Handle) Memberships(ctx context.Context, user parley.UserID, after parley.ChannelID, limit int) (
	channels []parley.ChannelID, err error) {
	err = h.read(ctx, func(s *Store) error {
		channels = page(s.lists[user], after, limit)
		return nil
	})
	return channels, err
}

// page returns the names after one, at most limit, in order.
func page(names map[parley.ChannelID]struct{}, after parley.ChannelID, limit int) (some []parley.ChannelID) {
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if name > after && len(some) < limit {
			some = append(some, name)
		}
	}
	return some
}

// Revoke implements parley.Revocations.
func (h *Handle) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	return h.write(ctx, func(s *Store) error {
		s.revoked[user] = max(s.revoked[user], until)
		return nil
	})
}

// Revoked implements parley.Revocations.
func (h *Handle) Revoked(ctx context.Context, user parley.UserID) (at parley.Timestamp, err error) {
	err = h.read(ctx, func(s *Store) error {
		at = s.revoked[user]
		return nil
	})
	return at, err
}

// PutKey implements parley.Keys.
func (h *Handle) PutKey(ctx context.Context, k parley.Key) (created bool, err error) {
	err = h.write(ctx, func(s *Store) error {
		if _, there := s.keys[k.Name]; !there {
			s.keys[k.Name], created = k, true
		}
		return nil
	})
	return created, err
}

// ListKeys implements parley.Keys.
func (h *Handle) ListKeys(ctx context.Context) (keys []parley.Key, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range slices.Sorted(maps.Keys(s.keys)) {
			keys = append(keys, s.keys[name])
		}
		return nil
	})
	return keys, err
}

// RemoveKey implements parley.Keys.
func (h *Handle) RemoveKey(ctx context.Context, name string) (removed bool, err error) {
	err = h.write(ctx, func(s *Store) error {
		_, removed = s.keys[name]
		delete(s.keys, name)
		return nil
	})
	return removed, err
}
