package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

// listScript updates a list, which lies in a slot of its own (lua/list.lua). KEYS[1] begins the names of its keys. ARGV: channel,
// version, in, open.
var listScript = rueidis.NewLuaScript("local k, sub = KEYS[1], string.sub\n" + listLua + `return say(KEYS[1], unpack(ARGV))`)

// allChannels is the prefix of the keys of the list of channels.
func (s *Store) allChannels() string { return s.prefix + "{channels}:" }

// channelsOfUser is the prefix of the keys of a user's list of channels. No channel begins with
// a slash.
func (s *Store) channelsOfUser(user parley.UserID) string {
	return s.userLists() + string(user) + "}:"
}

func (s *Store) userLists() string { return s.prefix + "{/" }

// settle updates the lists for a channel. If a node died before its update, the next one that changes the channel
// or projects its entries makes it: until then the position trails (positionScript).
func (s *Store) settle(ctx context.Context, channel parley.ChannelID) error {
	if !s.appends.alone { // all lists are on one server
		_, _, err := s.run(ctx, call{script: settleScript, channel: channel,
			args: []string{string(channel), flag(findable(channel)), s.allChannels(), s.userLists()}})
		return err
	}
	ms, _, err := s.run(ctx, call{script: todoScript, channel: channel})
	if err != nil {
		return err
	}
	items, err := ms[0].AsStrMap()
	if err != nil || len(items) == 0 {
		return err
	}
	var done []string
	var says []rueidis.LuaExec
	for what, is := range items {
		part := strings.Fields(is)
		if len(part) != 3 {
			return errAnswer
		}
		key, open := s.allChannels(), "0"
		if user, ok := strings.CutPrefix(what, "u"); ok {
			key = s.channelsOfUser(parley.UserID(user))
		} else if part[1] == "1" && part[2] == "0" && findable(channel) {
			open = "1"
		}
		says = append(says, rueidis.LuaExec{Keys: scriptKeys(key), Args: []string{string(channel), part[0], part[1], open}})
		done = append(done, what, is)
	}
	if err := s.execAll(ctx, listScript, says); err != nil {
		return fmt.Errorf("list %s: %w", channel, err)
	}
	_, _, err = s.run(ctx, call{script: doneScript, channel: channel, args: done})
	return err
}

// findable reports whether a channel may be found by everybody, by its name.
func findable(channel parley.ChannelID) bool {
	_, own := channel.Owner()
	return !own && !channel.Internal() && !strings.HasPrefix(string(channel), "dm:")
}

// Channels implements parley.Directory.
func (s *Store) Channels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return s.list(ctx, s.allChannels()+"list", after, limit)
}

// OpenChannels implements parley.Directory.
func (s *Store) OpenChannels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return s.list(ctx, s.allChannels()+"open", after, limit)
}

// Memberships implements parley.Roster.
func (s *Store) Memberships(ctx context.Context, user parley.UserID, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return s.list(ctx, s.channelsOfUser(user)+"list", after, limit)
}

func (s *Store) list(ctx context.Context, key string, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	names, err := s.names(ctx, key, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("list channels after %q, at most %s: %w", after, strconv.Itoa(limit), err)
	}
	return channelsOf(names), nil
}
