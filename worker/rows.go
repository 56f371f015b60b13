package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley"
)

// Position is how far the work is done in a channel.
type Position struct {
	Channel  parley.ChannelID
	Position int64
}

// Positions lists the rows of a work, at most limit, in no particular order. more reports whether
// there are others.
func Positions(ctx context.Context, table parley.Table, name string, limit int) (all []Position, more bool, err error) {
	for n := range uint32(groups) {
		rows, err := table.Rows(ctx, groupName(name, n), "", limit+1-len(all))
		if err != nil {
			return nil, false, fmt.Errorf("list the channels of %s: %w", name, err)
		}
		for _, row := range rows {
			if len(all) == limit {
				return all, true, nil
			}
			r, err := decodeRecord(row.Value)
			if err != nil {
				return nil, false, err
			}
			all = append(all, Position{parley.ChannelID(row.Key), r.Position})
		}
	}
	return all, false, nil
}

// Rewind makes the entries of a channel after the given one be worked on again, by any node.
func (c *Channels[S]) Rewind(ctx context.Context, channel parley.ChannelID, after int64) error {
	for {
		bs, err := c.cfg.Log.Bounds(ctx, channel)
		if err != nil {
			return err
		}
		rows, err := c.cfg.Table.Get(ctx, c.group(channel), string(channel))
		if err != nil {
			return err
		}
		row := record{Position: min(max(after, 0), bs[0].Last), Epoch: bs[0].Epoch}.encode()
		swapped, err := c.cfg.Table.Swap(ctx, c.group(channel), rows[0], parley.Row{Key: string(channel), Value: row})
		if err != nil && !errors.Is(err, parley.ErrUnknown) {
			return err
		}
		if swapped {
			break
		}
	}
	c.mu.Lock()
	cl := c.claims[channel]
	for cl != nil && cl.gone != nil { // it is being taken or released
		gone := cl.gone
		c.mu.Unlock()
		<-gone
		c.mu.Lock()
		cl = c.claims[channel]
	}
	c.mu.Unlock()
	if cl != nil {
		c.drop(cl) // its row has changed; a delivery in flight fails when it moves the position
	}
	return c.Take(ctx, channel)
}
