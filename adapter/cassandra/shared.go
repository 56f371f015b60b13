package cassandra

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-server/parley"
)

// First implements parley.Once. Cassandra counts whole seconds, and may begin in the middle of one.
func (s *Store) First(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	err = s.in(ctx, func() (err error) {
		seconds := int((ttl+time.Second-1)/time.Second) + 1
		first, err = s.session.Query(`INSERT INTO once (key) VALUES (?) IF NOT EXISTS USING TTL ?`, []byte("k"+key), seconds).
			MapScanCASContext(ctx, map[string]any{})
		return err
	}, "be the first of %q", key)
	return first && err == nil, err
}

// PutKey implements parley.Keys. All keys are in one partition: there are few.
func (s *Store) PutKey(ctx context.Context, k parley.Key) (created bool, err error) {
	err = s.in(ctx, func() (err error) {
		created, err = s.session.Query(`INSERT INTO api_keys (shard, name, hash, created) VALUES (0, ?, ?, ?) IF NOT EXISTS`, k.Name,
			k.Hash[:], int64(k.Created)).MapScanCASContext(ctx, map[string]any{})
		return err
	}, "put API key %q", k.Name)
	return created && err == nil, err
}

// ListKeys implements parley.Keys.
func (s *Store) ListKeys(ctx context.Context) (keys []parley.Key, err error) {
	err = s.in(ctx, func() error {
		rs := s.read(`SELECT name, hash, created FROM api_keys WHERE shard = 0`).IterContext(ctx)
		var k parley.Key
		var hash []byte
		for rs.Scan(&k.Name, &hash, (*int64)(&k.Created)) {
			copy(k.Hash[:], hash)
			keys = append(keys, k)
		}
		return rs.Close()
	}, "list API keys")
	if err != nil {
		return nil, err
	}
	return keys, nil
}

// RemoveKey implements parley.Keys.
func (s *Store) RemoveKey(ctx context.Context, name string) (removed bool, err error) {
	err = s.in(ctx, func() (err error) {
		removed, err = s.session.Query(`DELETE FROM api_keys WHERE shard = 0 AND name = ? IF EXISTS`, name).
			MapScanCASContext(ctx, map[string]any{})
		return err
	}, "remove API key %q", name)
	return removed && err == nil, err
}

// Revoke implements parley.Revocations. The latest time wins by its timestamp.
func (s *Store) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	return s.in(ctx, func() error {
		return s.write(ctx, `INSERT INTO revoked (user, until) VALUES (?, ?) USING TIMESTAMP ?`, string(user), int64(until), int64(until))
	}, "revoke the tokens of %s", user)
}

// Revoked implements parley.Revocations.
func (s *Store) Revoked(ctx context.Context, user parley.UserID) (at parley.Timestamp, err error) {
	err = s.in(ctx, func() error {
		_, err := one(ctx, s.read(`SELECT until FROM revoked WHERE user = ?`, string(user)), (*int64)(&at))
		return err
	}, "what was revoked of %s", user)
	return at, err
}

// PutUnfinished implements parley.Outbox. A node's name is written before its channels, and expires only by
// itself.
func (s *Store) PutUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return s.in(ctx, func() error {
		if len(channels) == 0 {
			return nil
		}
		if err := s.write(ctx, `INSERT INTO unfinished_nodes (shard, node) VALUES (0, ?) USING TTL ?`, node,
			int(nodeKept.Seconds())); err != nil {
			return err
		}
		return each(len(channels), func(i int) error {
			return s.write(ctx, `INSERT INTO unfinished (node, channel) VALUES (?, ?)`, node, string(channels[i]))
		})
	}, "note channels that node %s has not projected", node)
}

// nodeKept is how long after its last note a node's name is kept.
const nodeKept = 90 * 24 * time.Hour

// RemoveUnfinished implements parley.Outbox.
func (s *Store) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return s.in(ctx, func() error {
		return each(len(channels), func(i int) error {
			return s.write(ctx, `DELETE FROM unfinished WHERE node = ? AND channel = ?`, node, string(channels[i]))
		})
	}, "forget channels that node %s has not projected", node)
}

// Unfinished implements parley.Outbox.
func (s *Store) Unfinished(ctx context.Context, node string, after parley.ChannelID, limit int) (channels []parley.ChannelID, err error) {
	err = s.in(ctx, func() (err error) {
		channels, err = s.unfinished(ctx, node, after, limit)
		return err
	}, "channels that node %s has not projected", node)
	return channels, err
}

func (s *Store) unfinished(ctx context.Context, node string, after parley.ChannelID, limit int) (channels []parley.ChannelID, err error) {
	if limit <= 0 {
		return nil, nil
	}
	rs := s.read(`SELECT channel FROM unfinished WHERE node = ? AND channel > ? LIMIT ?`, node, string(after), limit).IterContext(ctx)
	for name := ""; rs.Scan(&name); {
		channels = append(channels, parley.ChannelID(name))
	}
	if err := rs.Close(); err != nil {
		return nil, fmt.Errorf("read the list: %w", err)
	}
	return channels, nil
}

// UnfinishedNodes implements parley.Outbox.
func (s *Store) UnfinishedNodes(ctx context.Context) (nodes []string, err error) {
	err = s.in(ctx, func() error {
		rs := s.read(`SELECT node FROM unfinished_nodes WHERE shard = 0`).IterContext(ctx)
		var all []string
		for name := ""; rs.Scan(&name); {
			all = append(all, name)
		}
		if err := rs.Close(); err != nil {
			return err
		}
		for _, node := range all {
			some, err := s.unfinished(ctx, node, "", 1)
			if err != nil {
				return err
			}
			if len(some) > 0 {
				nodes = append(nodes, node)
			}
		}
		return nil
	}, "nodes that have not projected")
	if err != nil {
		return nil, err
	}
	return nodes, nil
}
