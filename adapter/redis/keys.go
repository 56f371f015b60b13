package redis

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

// PutKey implements parley.Keys. All keys are in one hash: name -> SHA-256 and, in 8 bytes, when it was created.
func (s *Store) PutKey(ctx context.Context, k parley.Key) (created bool, err error) {
	value := binary.BigEndian.AppendUint64(slices.Clone(k.Hash[:]), uint64(k.Created))
	set := s.client.B().Hsetnx().Key(s.prefix + "keys").Field(k.Name).Value(rueidis.BinaryString(value)).Build()
	if created, err = s.do(ctx, set).AsBool(); err != nil {
		return false, fmt.Errorf("put API key %q: %w", k.Name, err)
	}
	return created, nil
}

// ListKeys implements parley.Keys.
func (s *Store) ListKeys(ctx context.Context) (keys []parley.Key, err error) {
	all, err := s.do(ctx, s.client.B().Hgetall().Key(s.prefix+"keys").Build()).AsStrMap()
	if err != nil {
		return nil, fmt.Errorf("list API keys: %w", err)
	}
	for name, value := range all {
		k := parley.Key{Name: name}
		if len(value) != len(k.Hash)+8 {
			return nil, fmt.Errorf("API key %q: %w", name, errAnswer)
		}
		copy(k.Hash[:], value)
		k.Created = parley.Timestamp(binary.BigEndian.Uint64([]byte(value[len(k.Hash):])))
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b parley.Key) int { return cmp.Compare(a.Name, b.Name) })
	return keys, nil
}

// RemoveKey implements parley.Keys.
func (s *Store) RemoveKey(ctx context.Context, name string) (removed bool, err error) {
	if removed, err = s.do(ctx, s.client.B().Hdel().Key(s.prefix+"keys").Field(name).Build()).AsBool(); err != nil {
		return false, fmt.Errorf("remove API key %q: %w", name, err)
	}
	return removed, nil
}

// Revoke implements parley.Revocations. All times are in one sorted set, whose scores only rise.
func (s *Store) Revoke(ctx context.Context, user parley.UserID, until parley.Timestamp) error {
	add := s.client.B().Zadd().Key(s.prefix+"revoked").Gt().ScoreMember().ScoreMember(float64(until), string(user)).Build()
	if err := s.do(ctx, add).Error(); err != nil {
		return fmt.Errorf("revoke the tokens of %s: %w", user, err)
	}
	return nil
}

// Revoked implements parley.Revocations.
func (s *Store) Revoked(ctx context.Context, user parley.UserID) (parley.Timestamp, error) {
	at, err := s.do(ctx, s.client.B().Zscore().Key(s.prefix+"revoked").Member(string(user)).Build()).AsFloat64()
	if err != nil && !rueidis.IsRedisNil(err) {
		return 0, fmt.Errorf("what was revoked of %s: %w", user, err)
	}
	return parley.Timestamp(at), nil
}
