package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-server/parley"
)

// mutes in rows. Earlier versions had only the first two.
var mutes = []parley.Mute{parley.MuteNone, parley.MuteAll, parley.MuteButMentions}

// memberOf reads a row of members.
func memberOf(user parley.UserID, row string) (m parley.Member, err error) {
	part := strings.Fields(row)
	if len(part) != 6 {
		return m, errAnswer
	}
	ns, err := integers(part[1:5])
	if err != nil {
		return m, err
	}
	if ns[3] < 0 || int(ns[3]) >= len(mutes) {
		return m, errAnswer
	}
	m = parley.Member{User: user, Role: parley.Role(part[0]), ReadID: ns[0],
		ReadCount: ns[1], Joined: parley.Timestamp(ns[2]), Mute: mutes[ns[3]]}
	if part[0] == "-" {
		m.Role = parley.RoleNone
	}
	return m, nil
}

// Member implements parley.Roster.
func (s *Store) Member(ctx context.Context, user parley.UserID, channels ...parley.ChannelID) ([]parley.Member, error) {
	calls := make([]call, len(channels))
	for i, c := range channels {
		calls[i] = call{script: memberScript, channel: c, args: []string{string(user)}}
	}
	rows, _, err := s.run(ctx, calls...)
	all := make([]parley.Member, len(channels))
	for i := range rows {
		var row string
		if err == nil {
			row, err = rows[i].ToString()
		}
		if err == nil {
			all[i], err = memberOf(user, row)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("memberships of %s: %w", user, err)
	}
	return all, nil
}

// SetMember implements parley.Roster.
func (s *Store) SetMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, change parley.MemberChange) (
	was, is parley.Member, err error) {
	if was, is, err = s.setMember(ctx, channel, user, change); err != nil {
		return parley.Member{}, parley.Member{}, fmt.Errorf("%s in %s: %w", user, channel, err)
	}
	return was, is, nil
}

func (s *Store) setMember(ctx context.Context, channel parley.ChannelID, user parley.UserID, change parley.MemberChange) (
	was, is parley.Member, err error) {
	role := func(r *parley.Role) string {
		switch {
		case r == nil:
			return "?"
		case *r == parley.RoleNone:
			return "-"
		default:
			return string(*r)
		}
	}
	mute, read := "?", "?"
	if change.Mute != nil {
		mute = strconv.Itoa(max(0, slices.Index(mutes, *change.Mute)))
	}
	if change.Read != nil {
		read = strconv.FormatInt(*change.Read, 10)
	}
	args := []string{string(user), role(change.Was), role(change.Role), mute, read}
	ms, _, err := s.run(ctx, call{script: setMemberScript, channel: channel, args: args})
	if err != nil {
		return was, is, written(err)
	}
	parts, err := ms[0].AsStrSlice()
	if err != nil || len(parts) != 4 {
		return was, is, unexpected(err)
	}
	if parts[0] == "1" {
		return was, is, parley.ErrChanged
	}
	was, err1 := memberOf(user, parts[1])
	is, err2 := memberOf(user, parts[2])
	if err := errors.Join(err1, err2); err != nil {
		return was, is, err
	}
	if parts[3] == "1" {
		if err := s.settle(ctx, channel); err != nil {
			return was, is, fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
	}
	return was, is, nil
}

// written returns the error of a write that was sent once: unless err means that nothing was done, the
// outcome is unknown.
func written(err error) error {
	switch {
	case errors.Is(err, parley.ErrClosed):
		return err
	case unsent(err):
		return fmt.Errorf("%w: %w", parley.ErrUnavailable, err)
	default:
		return fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}
}

// Members implements parley.Roster.
func (s *Store) Members(ctx context.Context, channel parley.ChannelID, after parley.UserID, limit int) (
	ms []parley.Member, next parley.UserID, err error) {
	parts, _, err := s.each(ctx, membersScript, []parley.ChannelID{channel}, string(after), strconv.Itoa(limit+1))
	if err != nil || len(parts[0])%2 != 0 {
		return nil, "", fmt.Errorf("members of %s: %w", channel, unexpected(err))
	}
	for p := parts[0]; len(p) > 0; p = p[2:] {
		if len(ms) == limit {
			return ms, ms[limit-1].User, nil
		}
		m, err := memberOf(parley.UserID(p[0]), p[1])
		if err != nil {
			return nil, "", fmt.Errorf("members of %s: %w", channel, err)
		}
		ms = append(ms, m)
	}
	return ms, "", nil
}

// Settings implements parley.Directory.
func (s *Store) Settings(ctx context.Context, channels ...parley.ChannelID) ([]parley.Settings, error) {
	var parts [][]string
	var err error
	if len(channels) == 1 && !s.appends.alone {
		var of []string
		of, err = s.sets.of(ctx, channels[0])
		parts = [][]string{of}
	} else {
		parts, err = s.readSettings(ctx, channels...)
	}
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	all := make([]parley.Settings, len(channels))
	for i, p := range parts {
		if all[i], err = settingsOf(p); err != nil {
			return nil, fmt.Errorf("settings of %s: %w", channels[i], err)
		}
	}
	return all, nil
}

// readSettings returns the settings and the revision of each channel.
func (s *Store) readSettings(ctx context.Context, channels ...parley.ChannelID) (parts [][]string, err error) {
	var calls []call
	for some := range slices.Chunk(channels, s.together()) {
		c := call{script: settingsScript, keys: make([]string, 0, 2*len(some))}
		for _, channel := range some {
			c.keys = append(c.keys, s.keysOf(channel)...)
		}
		calls = append(calls, c)
	}
	ms, _, err := s.run(ctx, calls...)
	if err != nil {
		return nil, err
	}
	for i := range ms {
		answer, err := ms[i].AsStrSlice()
		if err != nil || len(answer) != len(calls[i].keys) {
			return nil, unexpected(err)
		}
		parts = slices.AppendSeq(parts, slices.Chunk(answer, 2))
	}
	return parts, nil
}

func settingsOf(parts []string) (set parley.Settings, err error) {
	if parts[0] != "" {
		err = json.Unmarshal([]byte(parts[0]), &set)
	}
	return set, err
}

// SetChannel implements parley.Directory. It reads, changes and writes, until no other change came in
// between.
func (s *Store) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	for err == nil {
		var parts [][]string
		if parts, err = s.readSettings(ctx, channel); err != nil {
			break
		}
		if was, err = settingsOf(parts[0]); err != nil {
			break
		}
		if is, err = settingsOf(parts[0]); err != nil {
			break
		}
		if err = change(&is); err != nil {
			break
		}
		var set bool
		if set, err = s.setChannel(ctx, channel, parts[0][1], is); set && err == nil {
			return was, is, nil
		}
	}
	return parley.Settings{}, parley.Settings{}, fmt.Errorf("settings of %s: %w", channel, err)
}

func (s *Store) setChannel(ctx context.Context, channel parley.ChannelID, revision string, is parley.Settings) (set bool, err error) {
	text, err := json.Marshal(is)
	if err != nil {
		return false, err
	}
	messages, seconds := "-1", "-1"
	if keep := is.Retention; keep != nil {
		messages, seconds = strconv.FormatInt(keep.Messages, 10), strconv.FormatInt(keep.Seconds, 10)
	}
	args := []string{revision, string(text), flag(is.Kind == parley.KindMembers), messages, seconds}
	ms, _, err := s.run(ctx, call{script: setChannelScript, channel: channel, args: args})
	if err != nil {
		return false, written(err)
	}
	if set, err = ms[0].AsBool(); err != nil || !set {
		return false, err
	}
	return true, s.settle(ctx, channel)
}

// RemoveChannel implements parley.Directory. It removes entries in parts, so that Redis serves other calls in
// between.
func (s *Store) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	if err := s.removeChannel(ctx, channel); err != nil {
		return fmt.Errorf("remove %s: %w", channel, written(err))
	}
	return nil
}

func (s *Store) removeChannel(ctx context.Context, channel parley.ChannelID) error {
	ms, _, err := s.run(ctx, call{script: removeScript, channel: channel})
	if err != nil {
		return err
	}
	last, err := ms[0].ToString()
	for done := false; err == nil && !done; {
		if ms, _, err = s.run(ctx, call{script: trimScript, channel: channel, args: []string{last, "1000"}}); err == nil {
			done, err = ms[0].AsBool()
		}
	}
	if err != nil {
		return err
	}
	return s.settle(ctx, channel)
}
