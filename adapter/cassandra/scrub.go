package cassandra

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

// A deleted message is shown without content at once. Its row and those of its changes are overwritten when their bucket is
// full: until then conditional writes may use the bucket, and plain ones must not be mixed with them.

// scrubMessage overwrites a message that an entry deletes, and the content of its changes: at once in buckets before one
// that has begun, in others when they are full.
func (s *Store) scrubMessage(ctx context.Context, deletion *row, begun int64) error {
	for id, next := deletion.Of, deletion.prev; id > 0; {
		bucket := s.bucketOf(id)
		var err error
		if bucket < begun {
			err = s.scrubEntry(ctx, deletion.Channel, id)
		} else {
			err = s.write(ctx, `INSERT INTO scrub (channel, bucket, id) VALUES (?, ?, ?)`, string(deletion.Channel), bucket, id)
		}
		if err != nil {
			return fmt.Errorf("overwrite entry %d: %w", id, err)
		}
		if id = next; id > 0 {
			rs, err := s.rows(ctx, deletion.Channel, id, id, 1)
			if err != nil || len(rs) == 0 { // retention has removed it since, and all before it
				return err
			}
			next = rs[0].prev
		}
	}
	return nil
}

// scrubBefore overwrites what is pending in full buckets from one on, up to the one before end.
func (s *Store) scrubBefore(ctx context.Context, channel parley.ChannelID, from, end int64) error {
	for bucket := from; bucket < end; bucket++ {
		rs := s.read(`SELECT id FROM scrub WHERE channel = ? AND bucket = ?`, string(channel), bucket).IterContext(ctx)
		var ids []int64
		for id := int64(0); rs.Scan(&id); {
			ids = append(ids, id)
		}
		if err := rs.Close(); err != nil {
			return err
		}
		if err := each(len(ids), func(i int) error { return s.scrubEntry(ctx, channel, ids[i]) }); err != nil {
			return err
		}
		if err := s.raise(ctx, channel, "scrubbed", bucket+1); err != nil {
			return err
		}
	}
	return nil
}

// scrubEntry overwrites a message, or the content of a change of one.
func (s *Store) scrubEntry(ctx context.Context, channel parley.ChannelID, id int64) error {
	rs, err := s.rows(ctx, channel, id, id, 1)
	if err != nil || len(rs) == 0 { // retention has removed it since
		return err
	}
	r := &rs[0]
	m := r.Message
	if m.Change == "" {
		m = m.Tombstone()
		return s.write(ctx, `UPDATE log USING TIMESTAMP ? SET body = ? WHERE channel = ? AND bucket = ? AND kind = 0 AND id = ? AND ukey = 0x`,
			int64(s.clockOf(1)), bodyOf(&m), string(channel), s.bucketOf(id), id)
	}
	gone := m.Target.Tombstone()
	m.Target = &gone
	left := extra{emoji: r.emoji, remove: r.remove, prev: r.prev}
	return s.write(ctx,
		`UPDATE log USING TIMESTAMP ? SET body = ?, extra = ? WHERE channel = ? AND bucket = ? AND kind = 0 AND id = ? AND ukey = 0x`,
		int64(s.clockOf(1)), bodyOf(&m), left.bytes(), string(channel), s.bucketOf(id), id)
}
