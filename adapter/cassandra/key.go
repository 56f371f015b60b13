package cassandra

import (
	"context"
	"fmt"
	"slices"

	"github.com/parley-server/parley"
)

// ukey is a message's key as its bucket has it.
func ukey(user parley.UserID, key string) []byte { return []byte(string(user) + "\x00" + key) }

// noteKeys notes the bucket in which keys are about to be used, and sets the results of drafts whose keys were used in an
// earlier bucket. A bucket before this one is full: a key that is not there can never appear there.
func (s *Store) noteKeys(ctx context.Context, channel parley.ChannelID, bucket int64, some []*pending) error {
	var keyed []*pending
	for _, p := range some {
		if p.ukey != nil && p.intent != bucket {
			keyed = append(keyed, p)
		}
	}
	intents := make([]statement, len(keyed))
	for i, p := range keyed {
		intents[i] = statement{`INSERT INTO keys (channel, user, key, bucket) VALUES (?, ?, ?, ?) USING TTL ?`,
			[]any{string(channel), string(p.m.User), []byte(p.m.Key), bucket, int(s.cfg.KeyRetention.Seconds())}}
	}
	if err := s.writeTogether(ctx, intents); err != nil {
		return fmt.Errorf("note keys: %w", err)
	}
	return each(len(keyed), func(i int) error {
		p := keyed[i]
		if bucket > 0 { // else none is before it
			m, found, err := s.lookupBefore(ctx, channel, p.m.User, p.m.Key, bucket)
			if err != nil {
				return err
			}
			if found {
				p.end(parley.Result{Message: m, Duplicate: true})
			}
		}
		p.intent = bucket
		return nil
	})
}

// lookup finds the message that a user stored with a key.
func (s *Store) lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (parley.Message, bool, error) {
	return s.lookupBefore(ctx, channel, user, key, -1)
}

// lookupBefore is lookup in the buckets before one, in all for -1.
func (s *Store) lookupBefore(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string, before int64) (
	m parley.Message, found bool, err error) {
	rows := s.read(`SELECT bucket FROM keys WHERE channel = ? AND user = ? AND key = ?`, string(channel), string(user), []byte(key)).
		IterContext(ctx)
	var buckets []int64
	for bucket := int64(0); rows.Scan(&bucket); {
		buckets = append(buckets, bucket)
	}
	if err := rows.Close(); err != nil {
		return m, false, fmt.Errorf("look for a key: %w", err)
	}
	slices.Reverse(buckets)
	for _, bucket := range buckets {
		if before >= 0 && bucket >= before {
			continue
		}
		var of int64
		found, err := one(ctx, s.read(`SELECT target FROM log WHERE channel = ? AND bucket = ? AND kind = 1 AND id = 0 AND ukey = ?`,
			string(channel), bucket, ukey(user, key)), &of)
		if err != nil {
			return m, false, fmt.Errorf("look for a key: %w", err)
		}
		if found {
			k, err := s.current(ctx, channel, of)
			if err != nil || k != nil {
				return deref(k), k != nil, err
			}
		}
	}
	return m, false, nil
}

func deref(m *parley.Message) parley.Message {
	if m == nil {
		return parley.Message{}
	}
	return *m
}

// taken sets the results of drafts of a refused batch whose keys are taken. If the message that has a key is no longer
// kept, the draft may take the key over. any reports whether there was a draft of either kind.
func (s *Store) taken(ctx context.Context, channel parley.ChannelID, bucket int64, some []*pending) (any bool, err error) {
	found := make([]bool, len(some))
	err = each(len(some), func(i int) error {
		p := some[i]
		if p.ukey == nil {
			return nil
		}
		var of int64
		there, err := one(ctx, s.read(`SELECT target FROM log WHERE channel = ? AND bucket = ? AND kind = 1 AND id = 0 AND ukey = ?`,
			string(channel), bucket, p.ukey), &of)
		if err != nil || !there || of == p.was {
			return err
		}
		m, err := s.current(ctx, channel, of)
		switch {
		case err != nil:
			return err
		case m == nil:
			p.was = of
		default:
			p.end(parley.Result{Message: *m, Duplicate: true})
		}
		found[i] = true
		return nil
	})
	return slices.Contains(found, true), err
}

// Lookup implements parley.Log.
func (s *Store) Lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (
	m parley.Message, found bool, err error) {
	if key == "" {
		return m, false, nil
	}
	err = s.in(ctx, func() (err error) {
		m, found, err = s.lookup(ctx, channel, user, key)
		return err
	}, "look up a key in %s", channel)
	return m, found, err
}
