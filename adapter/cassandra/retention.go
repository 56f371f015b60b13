package cassandra

import (
	"context"
	"errors"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

const (
	sweepAll  = 12  // passes over the channels that this node appended to, until one node checks all channels
	sweepPage = 200 // channels at a time
)

// grow makes the next pass trim a channel.
func (s *Store) grow(channel parley.ChannelID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grown[channel] = true
}

// Run trims channels until ctx ends: soon those that this node appends to, and from time to time, on one node of all, every
// channel.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.SweepEvery)
	defer tick.Stop()
	for pass := 1; ; pass++ {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		_ = s.compareClocks(ctx) // the next pass repeats it
		s.mu.Lock()
		grown := s.grown
		s.grown = map[parley.ChannelID]bool{}
		s.mu.Unlock()
		for channel := range grown {
			if err := s.Trim(ctx, channel); err != nil {
				s.grow(channel)
			}
		}
		if pass%sweepAll != 0 {
			continue
		}
		// A failed step is repeated the next time.
		ttl := max(time.Second, sweepAll*s.cfg.SweepEvery-s.cfg.SweepEvery/2)
		if first, err := s.First(ctx, "sweep", ttl); err == nil && first {
			_ = s.trimAll(ctx)
		}
	}
}

func (s *Store) trimAll(ctx context.Context) error {
	for after := parley.ChannelID(""); ; {
		channels, err := s.Channels(ctx, after, sweepPage)
		if err != nil || len(channels) == 0 {
			return err
		}
		for _, channel := range channels {
			if err := s.Trim(ctx, channel); err != nil {
				return err
			}
		}
		after = channels[len(channels)-1]
	}
}

// Trim removes the entries that a channel's retention does not keep.
func (s *Store) Trim(ctx context.Context, channel parley.ChannelID) error {
	return s.in(ctx, func() error {
		m, err := s.meta(ctx, channel, s.read)
		if err != nil {
			return err
		}
		set, err := m.read()
		if err != nil {
			return err
		}
		keep := s.keeps(channel)
		if set.Retention != nil {
			keep = *set.Retention
		}
		c, err := s.channel(ctx, channel)
		if err != nil {
			return err
		}
		if keep != (parley.Retention{}) {
			if err := s.retain(ctx, channel, &c, keep); err != nil {
				return err
			}
		}
		return s.sweep(ctx, channel, &c)
	}, "trim %s", channel)
}

// retain moves the floor to the first entry that must be kept (parley.Retention).
func (s *Store) retain(ctx context.Context, channel parley.ChannelID, c *channelRow, keep parley.Retention) error {
	h, err := s.headFrom(ctx, channel, c.bucket, s.read)
	if err != nil || h.id < c.floor {
		return err
	}
	to := c.floor
	if n := keep.Messages; n > 0 && h.id-c.floor+1-n > max(10, n/10) {
		to = h.id - n + 1
	}
	if at := s.now(); keep.Seconds > 0 && keep.Seconds <= int64(at)/1e6 {
		since, err := parley.SeekTime(ctx, s, channel, at-parley.Timestamp(keep.Seconds*1e6)-1)
		if err != nil {
			return err
		}
		to = max(to, since.ID+1)
	}
	if to <= c.floor {
		return nil
	}
	last, err := s.entry(ctx, channel, to-1)
	if err != nil {
		return err
	}
	if last == nil {
		return errors.New("the last entry that is not kept is not there")
	}
	c.floor, c.before = to, last.Count
	return s.setFloor(ctx, channel, to, last.Count)
}

// setFloor makes an entry the first kept one. before is the count below it.
func (s *Store) setFloor(ctx context.Context, channel parley.ChannelID, to, before int64) error {
	return s.write(ctx, `UPDATE channels USING TIMESTAMP ? SET floor = ?, before = ? WHERE channel = ?`, to, to, before, string(channel))
}

// sweep empties the full buckets below the floor, and removes what is derived from their entries. Their
// heads remain.
func (s *Store) sweep(ctx context.Context, channel parley.ChannelID, c *channelRow) error {
	for bucket := c.swept; (bucket+1)*s.size < c.floor; bucket++ {
		last, err := s.rows(ctx, channel, (bucket+1)*s.size, (bucket+1)*s.size, 1)
		if err != nil {
			return err
		}
		if len(last) > 0 && s.young(&last[0]) {
			s.grow(channel)
			return nil
		}
		for from := max(bucket*s.size, c.cut) + 1; from <= (bucket+1)*s.size; {
			rs, err := s.rows(ctx, channel, from, (bucket+1)*s.size, maxRun)
			if err != nil {
				return err
			}
			if len(rs) == 0 {
				break // another node was faster
			}
			if err := each(len(rs), func(i int) error { return s.sweepEntry(ctx, &rs[i]) }); err != nil {
				return err
			}
			from = rs[len(rs)-1].ID + 1
		}
		removal := int64(s.clockOf(2))
		if err := errors.Join(
			s.write(ctx, `DELETE FROM log USING TIMESTAMP ? WHERE channel = ? AND bucket = ? AND kind >= 0`, removal, string(channel), bucket),
			s.write(ctx, `DELETE FROM scrub WHERE channel = ? AND bucket = ?`, string(channel), bucket),
			s.write(ctx, `DELETE FROM now WHERE channel = ? AND bucket = ?`, string(channel), bucket)); err != nil {
			return err
		}
		if err := s.raise(ctx, channel, "swept", bucket+1); err != nil {
			return err
		}
	}
	return s.sweepLast(ctx, channel, c)
}

// removedAfter is the minimum age of a removed entry: a batch that lost its response searches for its own entry, for
// batchTime at most, and clocks differ.
const removedAfter = 2 * time.Minute

func (s *Store) young(r *row) bool {
	return r.Time > s.now()-parley.Timestamp(removedAfter.Microseconds())
}

// sweepLast removes entries below the floor from the last bucket, under the condition that the head does not move in the
// meantime: a channel that is too busy for that soon fills the bucket.
func (s *Store) sweepLast(ctx context.Context, channel parley.ChannelID, c *channelRow) error {
	h, err := s.headFrom(ctx, channel, c.bucket, s.read)
	if err != nil {
		return err
	}
	bucket := s.bucketOf(h.id)
	for from := max(c.cut, bucket*s.size) + 1; from < c.floor && from <= h.id; {
		rs, err := s.rows(ctx, channel, from, min(c.floor-1, h.id, from+maxBatch-1), maxRun)
		if err != nil {
			return err
		}
		if len(rs) == 0 { // another node has removed some, without recording it
			found, err := one(ctx, s.read(`SELECT id FROM log WHERE channel = ? AND bucket = ? AND kind = 0 AND id > ? LIMIT 1`,
				string(channel), bucket, from), &from)
			if err != nil || !found {
				return err
			}
			continue
		}
		if s.young(&rs[len(rs)-1]) {
			s.grow(channel)
			return nil
		}
		q := s.session.Batch(gocql.UnloggedBatch)
		q.Query(`UPDATE log SET head = ? WHERE channel = ? AND bucket = ? IF head = ?`, h.id, string(channel), bucket, h.id)
		for i := range rs {
			q.Query(`DELETE FROM log WHERE channel = ? AND bucket = ? AND kind = 0 AND id = ? AND ukey = 0x`, string(channel), bucket, rs[i].ID)
		}
		if err := each(len(rs), func(i int) error { return s.sweepEntry(ctx, &rs[i]) }); err != nil {
			return err
		}
		applied, more, err := q.MapExecCASContext(ctx, map[string]any{})
		if more != nil {
			err = errors.Join(err, more.Close())
		}
		if err != nil || !applied { // the next pass repeats it
			return err
		}
		last := rs[len(rs)-1].ID
		if err := s.raise(ctx, channel, "cut", last); err != nil {
			return err
		}
		from = last + 1
	}
	return nil
}

// sweepEntry removes what is derived from an entry.
func (s *Store) sweepEntry(ctx context.Context, r *row) error {
	channel := string(r.Channel)
	m := &r.Message
	if r.Change != "" {
		m = r.Target
	} else if err := errors.Join(s.write(ctx, `DELETE FROM reactors WHERE channel = ? AND target = ?`, channel, r.ID),
		s.write(ctx, `DELETE FROM now WHERE channel = ? AND bucket = ? AND target = ?`, channel, s.bucketOf(r.ID), r.ID),
		s.write(ctx, `DELETE FROM replies WHERE channel = ? AND root = ?`, channel, r.ID)); err != nil {
		return err
	}
	for _, user := range m.Mentions() {
		if err := s.write(ctx, `DELETE FROM mentions WHERE channel = ? AND user = ? AND span = ? AND id = ?`, channel, string(user),
			s.spanOf(m.ID), m.ID); err != nil {
			return err
		}
	}
	if r.Change == parley.ChangeDelete {
		return s.write(ctx, `DELETE FROM deleted WHERE channel = ? AND span = ? AND id = ?`, channel, s.spanOf(r.Of), r.Of)
	}
	return nil
}
