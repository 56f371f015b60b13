package chat

import (
	"context"
	"strings"

	"parley"
)

// Settings returns what a channel is set to.
func (s *Service) Settings(ctx context.Context, c Caller, channel parley.ChannelID) (parley.Settings, error) {
	if err := s.Authorize(ctx, c, Read, channel); err != nil {
		return parley.Settings{}, err
	}
	return s.dir.Channel(ctx, channel)
}

// Configure changes a channel's settings by a function that is given those it has.
func (s *Service) Configure(ctx context.Context, c Caller, channel parley.ChannelID, change func(*parley.Settings)) (parley.Settings, error) {
	if err := s.Authorize(ctx, c, Administer, channel); err != nil {
		return parley.Settings{}, err
	}
	set, err := s.dir.Channel(ctx, channel)
	if err != nil {
		return parley.Settings{}, err
	}
	change(&set)
	return set, s.dir.SetChannel(ctx, channel, set)
}

// Remove deletes a channel's messages and settings; its ids go on.
func (s *Service) Remove(ctx context.Context, c Caller, channel parley.ChannelID) error {
	if err := s.Authorize(ctx, c, Administer, channel); err != nil {
		return err
	}
	return s.dir.RemoveChannel(ctx, channel)
}

// Public lists the channels that everybody may join, after the one named, at most
// limit. next is where to go on, "" at the end.
func (s *Service) Public(ctx context.Context, after parley.ChannelID, limit int) (channels []parley.ChannelID, next parley.ChannelID, err error) {
	for {
		names, err := s.dir.Channels(ctx, after, limit+1)
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			if len(channels) == limit {
				return channels, channels[limit-1], nil
			}
			if after = name; public(name) {
				channels = append(channels, name)
			}
		}
		if len(names) <= limit {
			return channels, "", nil
		}
	}
}

// public tells a channel of everybody from a user's own and from a direct one.
func public(channel parley.ChannelID) bool {
	return channel[0] != '@' && !strings.HasPrefix(string(channel), "dm:")
}
