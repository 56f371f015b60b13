package mem

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/parley-server/parley"
)

var _ parley.Archive = (*Handle)(nil)

// EachChannel implements parley.Archive.
func (h *Handle) EachChannel(ctx context.Context, do func(parley.ChannelID, bool) error) error {
	exists := map[parley.ChannelID]bool{}
	err := h.read(ctx, func(s *Store) error {
		for name, c := range s.channels {
			exists[name] = c.listed
		}
		return nil
	})
	for _, name := range slices.Sorted(maps.Keys(exists)) {
		if err == nil {
			err = do(name, exists[name])
		}
	}
	return err
}

// EachPlace implements parley.Archive.
func (h *Handle) EachPlace(ctx context.Context, channel parley.ChannelID, do func(parley.Member) error) error {
	var all []parley.Member
	err := h.read(ctx, func(s *Store) error {
		c := s.channels[channel]
		if c == nil {
			return nil
		}
		for _, user := range slices.Sorted(maps.Keys(c.members)) {
			if m := c.members[user].Member; m.Role != parley.RoleNone {
				all = append(all, m)
			}
		}
		return nil
	})
	for i := range all {
		if err == nil {
			err = do(all[i])
		}
	}
	return err
}

// EachRevocation implements parley.Archive.
func (h *Handle) EachRevocation(ctx context.Context, do func(parley.UserID, parley.Timestamp) error) error {
	var all map[parley.UserID]parley.Timestamp
	err := h.read(ctx, func(s *Store) error {
		all = maps.Clone(s.revoked)
		return nil
	})
	for _, user := range slices.Sorted(maps.Keys(all)) {
		if err == nil {
			err = do(user, all[user])
		}
	}
	return err
}

// Restore implements parley.Archive.
func (h *Handle) Restore(ctx context.Context, channel parley.ChannelID, at parley.Origin, entries []parley.Message) error {
	err := h.write(ctx, func(s *Store) error {
		c := s.makeLocked(channel)
		if c.last == 0 {
			c.first, c.last, c.time, c.count, c.before = at.ID+1, at.ID, at.Time, at.Count, at.Count
			c.index.position = at.ID
		}
		for i := range entries {
			switch m := &entries[i]; {
			case m.ID <= c.last:
			case m.ID > c.last+1:
				return parley.ErrGap
			default:
				c.restore(clone(m))
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore %s: %w", channel, err)
	}
	return nil
}

// restore appends an entry unchanged.
func (c *channel) restore(m parley.Message) {
	r := row{Message: m, reactors: m.Reactions}
	r.Reactions = slices.Clone(m.Reactions)
	for i := range r.Reactions {
		r.Reactions[i].Users = r.Reactions[i].Users[:min(len(r.Reactions[i].Users), parley.MaxReactors)]
	}
	c.last, c.time, c.count = m.ID, m.Time, m.Count
	c.rows = append(c.rows, r)
	c.take(&r)
	c.listed = true
	c.index.add(c, &r.Message)
	c.index.position = m.ID
}

// RestorePlace implements parley.Archive.
func (h *Handle) RestorePlace(ctx context.Context, channel parley.ChannelID, m parley.Member) error {
	return h.write(ctx, func(s *Store) error {
		c := s.makeLocked(channel)
		if m.Role.In() {
			c.admit(&member{Member: m})
			c.listed = true
		} else {
			c.expel(m.User, m.Role)
		}
		return nil
	})
}
