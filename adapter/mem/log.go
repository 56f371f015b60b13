package mem

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

// maxRun is the size, in bytes, at which a run that is being read ends.
const maxRun = 1 << 20

// Append implements parley.Log.
func (h *Handle) Append(ctx context.Context, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	results := make([]parley.Result, len(drafts))
	err := h.write(ctx, func(s *Store) error {
		c := s.makeLocked(channel)
		for i := range drafts {
			results[i] = c.append(&drafts[i])
			if results[i].Err == nil {
				results[i].Epoch = s.epochLocked()
			}
		}
		return nil
	})
	if err != nil {
		for i := range results {
			results[i] = parley.Result{Err: fmt.Errorf("append to %s: %w", channel, err)}
		}
	}
	return results
}

func (c *channel) append(d *parley.Draft) parley.Result {
	if d.Change != nil {
		return c.change(d)
	}
	if id := c.keys[sender{d.User, d.Key}]; d.Key != "" && id != 0 {
		return parley.Result{Message: clone(c.message(id)), Duplicate: true}
	}
	thread := d.Thread
	if thread != 0 {
		root := c.message(thread)
		if root == nil {
			return parley.Result{Err: parley.ErrNoThread}
		}
		if root.Thread != 0 {
			thread = root.Thread
		}
	}
	m := parley.Message{User: d.User, Name: d.Name, Text: d.Text, Data: d.Data, Thread: thread, Key: d.Key, Join: d.Join}
	if len(m.Data) == 0 {
		m.Data = nil
	}
	return c.stored(row{Message: clone(&m)})
}

func (c *channel) change(d *parley.Draft) parley.Result {
	change := *d.Change
	was := c.message(change.Of)
	if was == nil {
		return parley.Result{Err: parley.ErrNoMessage}
	}
	change.Emoji = was.KindOf(change.Emoji)
	_, reacted := c.reactors[reaction{change.Of, change.Emoji, d.User}]
	is, changed, err := change.Apply(*was, d.User, reacted)
	if err != nil || !changed {
		return parley.Result{Message: clone(&is), Unchanged: true, Err: err}
	}
	is = clone(&is)
	return c.stored(
		row{Message: parley.Message{User: d.User, Name: d.Name, Change: change.Kind, Of: change.Of, Target: &is}, change: &change})
}

// stored adds a row and what is derived from it, unless Project does the latter.
func (c *channel) stored(r row) parley.Result {
	e := c.add(r)
	res := parley.Result{Message: clone(&e.Message)}
	if !c.store.projected {
		res.Facts = c.project(&e.Message)
	}
	return res
}

// Read implements parley.Log.
func (h *Handle) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (run parley.Run, err error) {
	err = h.read(ctx, func(s *Store) error {
		if run.Epoch = s.epochLocked(); after.Epoch != "" && after.Epoch != run.Epoch {
			return parley.ErrEpoch
		}
		c := s.channelLocked(channel)
		from := max(after.ID, 0) + 1
		switch {
		case c == nil:
			return nil
		case from < c.first:
			return parley.ErrTrimmed
		}
		for size := 0; from <= c.last && len(run.Entries) < limit && size < maxRun; from++ {
			e := c.entry(from)
			if size += len(e.Text) + len(e.Data) + 64; e.Target != nil {
				size += len(e.Target.Text) + len(e.Target.Data)
			}
			run.Entries = append(run.Entries, e)
		}
		return nil
	})
	if err != nil {
		return parley.Run{}, fmt.Errorf("read %s after %d: %w", channel, after.ID, err)
	}
	return run, nil
}

// Lookup implements parley.Log.
func (h *Handle) Lookup(ctx context.Context, channel parley.ChannelID, user parley.UserID, key string) (
	m parley.Message, found bool, err error) {
	err = h.read(ctx, func(s *Store) error {
		if c := s.channelLocked(channel); c != nil {
			var id int64
			if id, found = c.keys[sender{user, key}]; found {
				m = clone(c.message(id))
			}
		}
		return nil
	})
	return m, found, err
}

// Bounds implements parley.Log.
func (h *Handle) Bounds(ctx context.Context, channels ...parley.ChannelID) (bs []parley.Bounds, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, name := range channels {
			b := parley.Bounds{Channel: name, Epoch: s.epochLocked(), First: 1}
			if c := s.channelLocked(name); c != nil {
				b.First, b.Last, b.Time, b.Before = c.first, c.last, c.time, c.before
			}
			bs = append(bs, b)
		}
		return nil
	})
	return bs, err
}
