package cassandra

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// meta is the stored state of a channel besides its log. It is written under the condition of its
// version.
type meta struct {
	version           int64 // 0: there is none
	nonce             []byte
	listed            bool   // the channel exists
	settings          string // JSON, "" for none
	removals, removed int64  // how often it was removed, and up to which entry
}

func (m *meta) read() (set parley.Settings, err error) {
	if m.settings != "" {
		err = json.Unmarshal([]byte(m.settings), &set)
	}
	return set, err
}

func (s *Store) meta(ctx context.Context, channel parley.ChannelID, query func(string, ...any) *gocql.Query) (m meta, err error) {
	_, err = one(ctx, query(`SELECT version, nonce, listed, settings, removals, removed FROM meta WHERE channel = ?`, string(channel)),
		&m.version, &m.nonce, &m.listed, &m.settings, &m.removals, &m.removed)
	if err != nil {
		return m, fmt.Errorf("read the settings: %w", err)
	}
	return m, nil
}

// conditional makes a write under a condition. again reads the stored nonce after no earlier write can change it any
// more: after a lost response it tells the outcome of the write. ErrUnknown: it may be made, now or later.
func (s *Store) conditional(ctx context.Context, q *gocql.Query, nonce []byte, again func() ([]byte, error)) (applied bool, err error) {
	applied, err = q.MapScanCASContext(ctx, map[string]any{})
	if err == nil || unsent(err) {
		return applied, unavailable(err)
	}
	is, rerr := again()
	if rerr == nil && bytes.Equal(is, nonce) {
		return true, nil
	}
	// The row does not have it, but the write may still be in flight.
	return false, fmt.Errorf("%w: %w", parley.ErrUnknown, errors.Join(err, rerr))
}

func newNonce() []byte { return []byte(rand.Text()[:16]) }

// setMeta writes meta if it still has the version of was.
func (s *Store) setMeta(ctx context.Context, channel parley.ChannelID, was int64, m meta) (applied bool, err error) {
	m.version, m.nonce = was+1, newNonce()
	statement := `UPDATE meta SET version = ?, nonce = ?, listed = ?, settings = ?, removals = ?, removed = ? WHERE channel = ? ` +
		`IF version = `
	args := []any{m.version, m.nonce, m.listed, m.settings, m.removals, m.removed, string(channel)}
	if was == 0 {
		statement += "null"
	} else {
		statement, args = statement+"?", append(args, was)
	}
	return s.conditional(ctx, s.session.Query(statement, args...), m.nonce, func() ([]byte, error) {
		is, err := s.meta(ctx, channel, s.linear)
		return is.nonce, err
	})
}

// shards is the number of partitions of the list of channels.
const shards = 16

func shardOf(channel parley.ChannelID) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel))
	return int(h.Sum32() % shards)
}

// says updates the lists: whether a channel exists and can be found, at a version of its meta. At the same version a
// removal wins.
func (s *Store) says(ctx context.Context, channel parley.ChannelID, version int64, listed, found bool) error {
	for table, in := range map[string]bool{"listed": listed, "findable": found} {
		statement := `DELETE FROM ` + table + ` USING TIMESTAMP ? WHERE shard = ? AND channel = ?`
		args := []any{version, shardOf(channel), string(channel)}
		if in {
			statement = `INSERT INTO ` + table + ` (shard, channel) VALUES (?, ?) USING TIMESTAMP ?`
			args = []any{shardOf(channel), string(channel), version}
		}
		if err := s.write(ctx, statement, args...); err != nil {
			return fmt.Errorf("list the channel: %w", err)
		}
	}
	return nil
}

// findable reports whether everybody may find a channel with these settings.
func findable(channel parley.ChannelID, set *parley.Settings) bool {
	_, own := channel.Owner()
	return !own && !channel.Internal() && !strings.HasPrefix(string(channel), "dm:") && set.Kind != parley.KindMembers
}

// list makes a channel exist, if entry is 0 or after the last removal. The lists are written first: if this node dies in
// between, the next one to list the channel uses the same version.
func (s *Store) list(ctx context.Context, channel parley.ChannelID, entry int64) error {
	for {
		m, err := s.meta(ctx, channel, s.read)
		if err != nil || m.listed || entry > 0 && entry <= m.removed {
			return err
		}
		if m, err = s.meta(ctx, channel, s.linear); err != nil || m.listed {
			return err
		}
		set, err := m.read()
		if err != nil {
			return err
		}
		if err := s.says(ctx, channel, m.version+1, true, findable(channel, &set)); err != nil {
			return err
		}
		was := m.version
		m.listed = true
		applied, err := s.setMeta(ctx, channel, was, m)
		if err != nil || applied {
			return err
		}
		pause(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// Settings implements parley.Directory.
func (s *Store) Settings(ctx context.Context, channels ...parley.ChannelID) (all []parley.Settings, err error) {
	all = make([]parley.Settings, len(channels))
	err = s.in(ctx, func() error {
		return each(len(channels), func(i int) error {
			m, err := s.meta(ctx, channels[i], s.read)
			if err == nil {
				all[i], err = m.read()
			}
			return err
		})
	}, "settings")
	if err != nil {
		return nil, err
	}
	return all, nil
}

// SetChannel implements parley.Directory. It reads, changes and writes, until no other change came in
// between.
func (s *Store) SetChannel(ctx context.Context, channel parley.ChannelID, change func(*parley.Settings) error) (
	was, is parley.Settings, err error) {
	err = s.in(ctx, func() error {
		give, err := s.locks.take(ctx, "meta "+string(channel))
		if err != nil {
			return err
		}
		defer give()
		for {
			m, err := s.meta(ctx, channel, s.linear)
			if err != nil {
				return unavailable(err)
			}
			if was, err = m.read(); err != nil {
				return err
			}
			if is, err = m.read(); err != nil {
				return err
			}
			if err := change(&is); err != nil {
				return err
			}
			set, err := s.setSettings(ctx, channel, m, &is)
			if err != nil || set {
				return err
			}
			if pause(ctx); ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}, "settings of %s", channel)
	if err != nil {
		return parley.Settings{}, parley.Settings{}, err
	}
	return was, is, nil
}

func (s *Store) setSettings(ctx context.Context, channel parley.ChannelID, m meta, is *parley.Settings) (set bool, err error) {
	text, err := json.Marshal(is)
	if err != nil {
		return false, err
	}
	was := m.version
	m.listed, m.settings = true, string(text)
	found := findable(channel, is)
	if found {
		if err := s.says(ctx, channel, was+1, true, true); err != nil {
			return false, unavailable(err)
		}
	}
	if set, err = s.setMeta(ctx, channel, was, m); err != nil || !set {
		return false, err
	}
	s.grow(channel)
	if !found {
		if err := s.says(ctx, channel, was+1, true, false); err != nil {
			return false, fmt.Errorf("%w: %w", parley.ErrUnknown, err)
		}
	}
	return true, nil
}

// RemoveChannel implements parley.Directory.
func (s *Store) RemoveChannel(ctx context.Context, channel parley.ChannelID) error {
	return s.in(ctx, func() error {
		give, err := s.locks.take(ctx, string(channel))
		if err != nil {
			return err
		}
		h, err := s.freshHead(ctx, channel)
		give()
		if err != nil {
			return unavailable(err)
		}
		if h.id > 0 {
			if err := s.setFloor(ctx, channel, h.id+1, h.count); err != nil {
				return err
			}
			s.grow(channel)
		}
		for {
			m, err := s.meta(ctx, channel, s.linear)
			if err != nil || m.version == 0 {
				return unavailable(err)
			}
			was := m.version
			m.listed, m.settings, m.removals, m.removed = false, "", m.removals+1, max(m.removed, h.id)
			applied, err := s.setMeta(ctx, channel, was, m)
			if err == nil && applied {
				if err = s.says(ctx, channel, was+1, false, false); err == nil {
					err = s.expelAll(ctx, channel, m.removals)
				}
			}
			if err != nil || applied {
				return err
			}
			if pause(ctx); ctx.Err() != nil {
				return context.Cause(ctx)
			}
		}
	}, "remove %s", channel)
}

// Channels implements parley.Directory.
func (s *Store) Channels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return s.merged(ctx, "listed", after, limit)
}

// OpenChannels implements parley.Directory.
func (s *Store) OpenChannels(ctx context.Context, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	return s.merged(ctx, "findable", after, limit)
}

// merged is a page of a list of all shards.
func (s *Store) merged(ctx context.Context, table string, after parley.ChannelID, limit int) (names []parley.ChannelID, err error) {
	err = s.in(ctx, func() error {
		if limit <= 0 {
			return nil
		}
		some := make([][]parley.ChannelID, shards)
		err := each(shards, func(i int) error {
			rs := s.read(`SELECT channel FROM `+table+` WHERE shard = ? AND channel > ? LIMIT ?`, i, string(after), limit).IterContext(ctx)
			for name := ""; rs.Scan(&name); {
				some[i] = append(some[i], parley.ChannelID(name))
			}
			return rs.Close()
		})
		names = slices.Sorted(slices.Values(slices.Concat(some...)))
		names = names[:min(limit, len(names))]
		return err
	}, "list channels after %q", after)
	if err != nil {
		return nil, err
	}
	return names, nil
}
