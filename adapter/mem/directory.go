package mem

import (
	"context"
	"fmt"
	"strings"

	"github.com/parley-server/parley"
)

// Settings implements parley.Directory.
func (h *Handle) Settings(ctx context.Context, channels ...parley.ChannelID) (all []parley.Settings, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range channels {
			var set parley.Settings
			if c := s.channels[name]; c != nil {
				set = cloneSettings(c.settings)
			}
			all = append(all, set)
		}
		return nil
	})
	return all, err
}

// SetChannel implements parley.Directory.
func (h *Handle) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	err = h.write(ctx, func(s *Store) error {
		if c := s.channels[channel]; c != nil {
			was = cloneSettings(c.settings)
		}
		is = cloneSettings(was)
		if err := change(&is); err != nil {
			return err
		}
		c := s.makeLocked(channel)
		c.settings, c.listed = cloneSettings(is), true
		return nil
	})
	if err != nil {
		return parley.Settings{}, parley.Settings{}, fmt.Errorf("settings of %s: %w", channel, err)
	}
	return was, is, nil
}

// RemoveChannel implements parley.Directory.
func (h *Handle) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	return h.write(ctx, func(s *Store) error {
		c := s.channelLocked(channel)
		if c == nil {
			return nil
		}
		c.trim(c.last + 1)
		for user := range c.members {
			c.expel(user, parley.RoleNone)
		}
		c.members, c.settings, c.listed = nil, parley.Settings{}, false
		return nil
	})
}

// Channels implements parley.Directory.
func (h *Handle) Channels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return h.list(ctx, after, limit, func(*channel) bool { return true })
}

// OpenChannels implements parley.Directory.
func (h *Handle) OpenChannels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return h.list(ctx, after, limit, func(c *channel) bool {
		_, own := c.name.Owner()
		return !own && !c.name.Internal() && !strings.HasPrefix(string(c.name), "dm:") && c.settings.Kind != parley.KindMembers
	})
}

func (h *Handle) list(ctx context.Context, after parley.ChannelID, limit int, which func(*channel) bool) (
	names []parley.ChannelID, err error) {
	err = h.read(ctx, func(s *Store) error {
		some := map[parley.ChannelID]struct{}{}
		for name := range s.channels {
			if c := s.channelLocked(name); c.listed && which(c) {
				some[name] = struct{}{}
			}
		}
		names = page(some, after, limit)
		return nil
	})
	return names, err
}
