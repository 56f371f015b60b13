package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/parley-server/parley"
)

var _ parley.Archive = (*Store)(nil)

// EachChannel implements parley.Archive. The list of channels includes those that were removed.
func (s *Store) EachChannel(ctx context.Context, do func(parley.ChannelID, bool) error) error {
	names, err := s.do(ctx, s.client.B().Hkeys().Key(s.allChannels()+"versions").Build()).AsStrSlice()
	if err != nil {
		return fmt.Errorf("list all channels: %w", err)
	}
	listed, err := s.do(ctx, s.client.B().Zrange().Key(s.allChannels()+"list").Min("0").Max("-1").Build()).AsStrSlice()
	if err != nil {
		return fmt.Errorf("list all channels: %w", err)
	}
	exists := make(map[string]bool, len(listed))
	for _, name := range listed {
		exists[name] = true
	}
	slices.Sort(names)
	for _, name := range names {
		if err := do(parley.ChannelID(name), exists[name]); err != nil {
			return err
		}
	}
	return nil
}

const placesTogether = 500 // rows that are read in one call

// EachPlace implements parley.Archive. Users who are not members are found only in their rows.
func (s *Store) EachPlace(ctx context.Context, channel parley.ChannelID, do func(parley.Member) error) error {
	users := map[string]bool{}
	for cursor := uint64(0); ; {
		scan := s.client.B().Hscan().Key(s.of(channel) + "log").Cursor(cursor).Match("\x01*").Count(1000).Build()
		page, err := s.do(ctx, scan).AsScanEntry()
		if err != nil {
			return fmt.Errorf("places in %s: %w", channel, err)
		}
		for i := 0; i < len(page.Elements); i += 2 {
			users[page.Elements[i][1:]] = true
		}
		if cursor = page.Cursor; cursor == 0 {
			break
		}
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(users)), placesTogether) {
		calls := make([]call, len(some))
		for i, user := range some {
			calls[i] = call{script: memberScript, channel: channel, args: []string{user}}
		}
		rows, _, err := s.run(ctx, calls...)
		if err != nil {
			return fmt.Errorf("places in %s: %w", channel, err)
		}
		for i, user := range some {
			row, err := rows[i].ToString()
			if err != nil {
				return fmt.Errorf("places in %s: %w", channel, err)
			}
			m, err := memberOf(parley.UserID(user), row)
			if err == nil && m.Role != parley.RoleNone {
				err = do(m)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// EachRevocation implements parley.Archive.
func (s *Store) EachRevocation(ctx context.Context, do func(parley.UserID, parley.Timestamp) error) error {
	all, err := s.do(ctx, s.client.B().Zrange().Key(s.prefix+"revoked").Min("0").Max("-1").Withscores().Build()).AsZScores()
	if err != nil {
		return fmt.Errorf("list revocations: %w", err)
	}
	for _, is := range all {
		if err := do(parley.UserID(is.Member), parley.Timestamp(is.Score)); err != nil {
			return err
		}
	}
	return nil
}

const restoredTogether = 200 // entries of one call

// Restore implements parley.Archive.
func (s *Store) Restore(ctx context.Context, channel parley.ChannelID, at parley.Origin, entries []parley.Message) error {
	for first := true; first || len(entries) > 0; first = false {
		n, size := 0, 0
		args := []string{decimal(at.ID), decimal(at.Count), decimal(int64(at.Time))}
		for n < len(entries) && n < restoredTogether && size < maxBytes {
			before := len(args)
			args = appendRestored(args, &entries[n])
			for _, arg := range args[before:] {
				size += len(arg)
			}
			n++
		}
		ms, _, err := s.run(ctx, call{script: restoreScript, channel: channel, args: args, waits: true})
		if err != nil {
			return fmt.Errorf("restore %s: %w", channel, written(err))
		}
		switch last, err := ms[0].ToString(); {
		case err != nil:
			return fmt.Errorf("restore %s: %w", channel, err)
		case last == "":
			return fmt.Errorf("restore %s: %w", channel, parley.ErrGap)
		}
		entries = entries[n:]
	}
	if err := s.settle(ctx, channel); err != nil {
		return fmt.Errorf("restore %s: %w", channel, err)
	}
	return nil
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// appendRestored encodes an entry for lua/restore.lua.
func appendRestored(args []string, m *parley.Message) []string {
	args = append(args, decimal(m.ID), decimal(int64(m.Time)), decimal(m.Count))
	if m.Change != "" {
		left := m.Target.Tombstone()
		body := bodyOf(&parley.Message{User: m.User, Name: m.Name, Change: m.Change, Of: m.Of, Target: &left})
		state := ""
		if !m.Target.Deleted {
			state = bodyOf(m.Target)
		}
		return append(args, "0", decimal(m.Of), "0", "", body, state, "", "", "0")
	}
	is := parley.Message{User: m.User, Name: m.Name, Text: m.Text, Data: m.Data, Edited: m.Edited}
	names, reactors := "", []string(nil)
	if m.Deleted {
		is.Deleted = true
	} else {
		names = namesIn(m)
	}
	for _, r := range m.Reactions {
		for _, user := range r.Users {
			reactors = append(reactors, r.Emoji+"\x00"+string(user))
		}
		r.Users = r.Users[:min(len(r.Users), parley.MaxReactors)]
		is.Reactions = append(is.Reactions, r)
	}
	args = append(args, flag(m.Deleted), "0", decimal(m.Thread), senderKey(m.User, m.Key), bodyOf(&is), "", string(m.User), names,
		decimal(int64(len(reactors))))
	return append(args, reactors...)
}

// RestorePlace implements parley.Archive.
func (s *Store) RestorePlace(ctx context.Context, channel parley.ChannelID, m parley.Member) error {
	role := string(m.Role)
	if m.Role == parley.RoleNone {
		role = "-"
	}
	args := []string{string(m.User), role, decimal(m.ReadID), decimal(m.ReadCount), decimal(int64(m.Joined)),
		strconv.Itoa(max(0, slices.Index(mutes, m.Mute)))}
	_, _, err := s.run(ctx, call{script: restorePlaceScript, channel: channel, args: args})
	if err == nil {
		err = s.settle(ctx, channel)
	}
	if err != nil {
		return fmt.Errorf("restore the place of %s in %s: %w", m.User, channel, written(err))
	}
	return nil
}
