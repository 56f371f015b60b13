package embedded

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

// Everything derived from entries is in the batch that stores them.

// Project implements parley.Index. Append has already derived everything.
func (l *Log) Project(ctx context.Context, channel parley.ChannelID, run parley.Run) (facts []parley.Fact, err error) {
	err = l.inside(ctx, func() error {
		if run.Epoch != l.epoch {
			return parley.ErrEpoch
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("project %s: %w", channel, err)
	}
	return nil, nil
}

// Position implements parley.Index: it is the head.
func (l *Log) Position(ctx context.Context, channels ...parley.ChannelID) ([]int64, error) {
	bs, err := l.Bounds(ctx, channels...)
	if err != nil {
		return nil, err
	}
	at := make([]int64, len(bs))
	for i := range bs {
		at[i] = bs[i].Last
	}
	return at, nil
}

// Unread implements parley.Index (algorithms.md, "Unread").
func (l *Log) Unread(ctx context.Context, user parley.UserID, places ...parley.Place) ([]parley.Count, error) {
	counts := make([]parley.Count, len(places))
	for i := range places {
		if err := l.inside(ctx, func() (err error) { counts[i], err = l.unread(user, &places[i]); return err }); err != nil {
			return nil, fmt.Errorf("what %s has not read of %s: %w", user, places[i].Channel, err)
		}
	}
	return counts, nil
}

func (l *Log) unread(user parley.UserID, p *parley.Place) (c parley.Count, err error) {
	c.Channel = p.Channel
	h, err := l.hold(p.Channel)
	if err != nil {
		return c, err
	}
	defer l.heads.release(h)
	b := h.bounds()
	c.FirstID, c.LastID = b.first, b.last
	at := pointer{p.ReadID, p.ReadCount}
	if at.id < b.first-1 {
		at = pointer{b.first - 1, b.before}
	}
	if at.id >= b.last {
		return c, nil
	}
	from, to := span('y', p.Channel)
	it, err := l.db.rowsOf(from, to)
	if err != nil {
		return c, err
	}
	defer it.Close()
	var n [3]int64
	for i, of := range []parley.UserID{deletions, user, parley.Everybody} {
		if n[i], err = tallied(it, p.Channel, of, at.id, b.last); err != nil {
			return c, err
		}
	}
	c.Unread = max(b.count-at.count-n[0], 0) // a deletion may be visible before its message is durable
	c.Mentions = min(n[1]+n[2], c.Unread)    // and so may a mention
	return c, nil
}
