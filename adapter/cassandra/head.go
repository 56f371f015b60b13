package cassandra

import (
	"context"
	"errors"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// head is the end of a channel's log, as the static columns of its last bucket have it.
type head struct {
	id, count int64
	time      parley.Timestamp
	changed   int64 // the last entry that is a change
}

// maxHeads is how many channels' heads a node remembers.
const maxHeads = 100_000

// bucketOf returns the bucket of an id.
func (s *Store) bucketOf(id int64) int64 { return (max(id, 1) - 1) / s.size }

// spanOf returns the part of an index that contains an id: a hundred buckets.
func (s *Store) spanOf(id int64) int64 { return s.bucketOf(id) / 100 }

// known returns the head that this node has from its own batch or a SERIAL read. Another node may have moved it
// since.
func (s *Store) known(channel parley.ChannelID) (h head, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok = s.heads[channel]
	return h, ok
}

func (s *Store) remember(channel parley.ChannelID, h head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.heads[channel]; !there && len(s.heads) >= maxHeads {
		for any := range s.heads {
			delete(s.heads, any)
			break
		}
	}
	s.heads[channel] = h
}

func (s *Store) forget(channel parley.ChannelID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.heads, channel)
}

const headStatement = `SELECT head, ts, count, changed FROM log WHERE channel = ? AND bucket = ? LIMIT 1`

// headFrom reads the head, starting at a bucket that is not after the last one.
func (s *Store) headFrom(ctx context.Context, channel parley.ChannelID, bucket int64, query func(string, ...any) *gocql.Query) (
	h head, err error) {
	for ; ; bucket++ {
		var is head
		found, err := one(ctx, query(headStatement, string(channel), bucket), &is.id, (*int64)(&is.time), &is.count, &is.changed)
		if err != nil {
			return h, fmt.Errorf("read the head: %w", err)
		}
		if !found || is.id == 0 {
			if bucket > 0 && h.id == 0 { // the hint cannot be ahead
				return h, errors.New("read the head: the bucket that channels names is not there")
			}
			return h, nil
		}
		if h = is; h.id < (bucket+1)*s.size {
			return h, nil
		}
	}
}

// freshHead reads the head after completing any batch that another node began before.
func (s *Store) freshHead(ctx context.Context, channel parley.ChannelID) (h head, err error) {
	h, ok := s.known(channel)
	from := s.bucketOf(h.id)
	if !ok {
		c, err := s.channel(ctx, channel)
		if err != nil {
			return h, err
		}
		from = c.bucket
	}
	if h, err = s.headFrom(ctx, channel, from, s.linear); err != nil {
		s.forget(channel)
		return h, err
	}
	if h.id > 0 { // an empty channel may yet begin at any id (Restore)
		s.remember(channel, h)
	}
	return h, nil
}

// channelRow is the stored state of a channel besides its entries. Each number only rises.
type channelRow struct {
	bucket        int64 // a hint: the last bucket, or one before it
	floor, before int64 // the first id that is kept, and the count below it
	folded        int64 // changes up to here are in now and reactors
	position      int64 // entries up to here are projected
	scrubbed      int64 // in so many buckets the deleted messages were overwritten once they were full
	swept         int64 // so many buckets were emptied
	cut           int64 // entries up to here were removed from a bucket that was not full
}

func (s *Store) channel(ctx context.Context, channel parley.ChannelID) (c channelRow, err error) {
	row := s.read(`SELECT bucket, floor, before, folded, position, scrubbed, swept, cut FROM channels WHERE channel = ?`, string(channel))
	_, err = one(ctx, row, &c.bucket, &c.floor, &c.before, &c.folded, &c.position, &c.scrubbed, &c.swept, &c.cut)
	if err != nil {
		return c, fmt.Errorf("read the channel: %w", err)
	}
	c.floor = max(c.floor, 1)
	return c, nil
}

// raise writes a number of a channel's row, unless there is a larger one.
func (s *Store) raise(ctx context.Context, channel parley.ChannelID, column string, to int64) error {
	return s.write(ctx, `UPDATE channels USING TIMESTAMP ? SET `+column+` = ? WHERE channel = ?`, to, to, string(channel))
}

// view is a channel as a reader sees it: all changes up to the head are folded.
type view struct {
	channelRow
	head
}

// position returns up to where entries are projected. Entries that are no longer kept count as
// projected.
func (v *view) done() int64 { return min(max(v.position, v.floor-1), v.id) }

func (s *Store) view(ctx context.Context, channel parley.ChannelID) (v view, err error) {
	if v.channelRow, err = s.channel(ctx, channel); err != nil {
		return v, err
	}
	if v.head, err = s.headFrom(ctx, channel, v.bucket, s.read); err != nil {
		return v, err
	}
	if v.folded < v.changed {
		err = s.fold(ctx, channel, max(v.folded, v.floor-1), v.changed)
	}
	return v, err
}

// Bounds implements parley.Log.
func (s *Store) Bounds(ctx context.Context, channels ...parley.ChannelID) (bs []parley.Bounds, err error) {
	err = s.in(ctx, func() error {
		bs = make([]parley.Bounds, len(channels))
		return each(len(channels), func(i int) error {
			c, err := s.channel(ctx, channels[i])
			if err != nil {
				return err
			}
			h, err := s.headFrom(ctx, channels[i], c.bucket, s.read)
			bs[i] = parley.Bounds{Channel: channels[i], Epoch: s.epoch, First: c.floor, Last: h.id, Time: h.time, Before: c.before}
			return err
		})
	}, "bounds")
	if err != nil {
		return nil, err
	}
	return bs, nil
}
