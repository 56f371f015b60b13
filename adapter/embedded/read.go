package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// maxRun is the size, in bytes, at which a run that is being read ends.
const maxRun = 1 << 20

// Read implements parley.Log. It costs one seek, and one step per message.
func (l *Log) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) (run parley.Run, err error) {
	err = l.inside(ctx, func() (err error) {
		run.Epoch = l.epoch
		run.Entries, err = l.read(channel, after, limit)
		return err
	})
	if err != nil {
		return parley.Run{}, fmt.Errorf("read %s after %d: %w", channel, after.ID, err)
	}
	return run, nil
}

func (l *Log) read(channel parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	if after.Epoch != "" && after.Epoch != l.epoch {
		return nil, parley.ErrEpoch
	}
	h, err := l.hold(channel)
	if err != nil {
		return nil, err
	}
	defer l.heads.release(h)
	from, end := max(after.ID, 0)+1, h.bounds()
	switch {
	case from < end.first:
		return nil, parley.ErrTrimmed
	case from > end.last || limit <= 0:
		return nil, nil
	}
	to := min(end.last, from+int64(limit)-1)
	run, err := l.scan(h, from, to)
	// A trim raises first before it deletes, so any gap in the run is detected here.
	if from < h.bounds().first {
		return nil, parley.ErrTrimmed
	}
	return run, err
}

// scan reads the entries from…to, fewer if they are large.
func (l *Log) scan(h *head, from, to int64) ([]parley.Message, error) {
	if from == to {
		m, err := l.get(h, from)
		if err != nil {
			return nil, err
		}
		return []parley.Message{m}, nil
	}
	run := make([]parley.Message, 0, min(to-from+1, 1024))
	size := 0
	err := l.each(h, from, to, func(m parley.Message, row int) bool {
		if m.ID != from+int64(len(run)) {
			return false
		}
		if size += row; m.Target != nil {
			size += len(m.Target.Text) + len(m.Target.Data)
		}
		run = append(run, m)
		return size < maxRun
	})
	if err != nil {
		return nil, err
	}
	if next := from + int64(len(run)); next <= to && size < maxRun {
		return nil, fmt.Errorf("message %d is missing in the store", next)
	}
	return run, nil
}

// each calls do with the existing entries from…to, in their durable state, and the size of their
// rows, until do returns false.
func (l *Log) each(h *head, from, to int64, do func(m parley.Message, size int) bool) error {
	it, err := l.db.rowsOf(messageKey(h.channel, from), messageKey(h.channel, to+1))
	if err != nil {
		return err
	}
	defer it.Close()
	states, err := l.db.rowsOf(rowKey('f', h.channel, from), rowKey('f', h.channel, to+1))
	if err != nil {
		return err
	}
	defer states.Close()
	f := l.fold(h)
	stated := states.First()
	for ok := it.First(); ok; ok = it.Next() {
		id := messageID(it.Key())
		v, err := it.ValueAndErr()
		if err != nil {
			return err
		}
		for stated && messageID(states.Key()) < id {
			stated = states.Next()
		}
		var state []byte
		if stated && messageID(states.Key()) == id {
			state = h.covered('f', id, states.Value())
		}
		e, err := decodeMessage(h.channel, id, h.covered('m', id, v))
		if err != nil {
			return fmt.Errorf("message %d: %w", id, err)
		}
		m, err := f.whole(&e, state)
		if err != nil {
			return fmt.Errorf("message %d: %w", id, err)
		}
		if !do(m, len(v)) {
			break
		}
	}
	return errors.Join(it.Error(), states.Error())
}

// fold reads the rows of a channel in their durable state.
func (l *Log) fold(h *head) *fold {
	return &fold{channel: h.channel, first: func() int64 { return h.bounds().first }, row: func(kind byte, id int64) ([]byte, error) {
		v, closer, err := l.db.Get(rowKey(kind, h.channel, id))
		if errors.Is(err, pebble.ErrNotFound) {
			return h.covered(kind, id, nil), nil
		}
		if err != nil {
			return nil, err
		}
		defer closer.Close()
		if v = h.covered(kind, id, v); v == nil {
			return nil, nil
		}
		return append([]byte{}, v...), nil
	}}
}

// get reads one entry in its durable state.
func (l *Log) get(h *head, id int64) (parley.Message, error) {
	v, closer, err := l.db.Get(messageKey(h.channel, id))
	if err != nil {
		return parley.Message{}, fmt.Errorf("message %d: %w", id, err)
	}
	defer closer.Close()
	e, err := decodeMessage(h.channel, id, h.covered('m', id, v))
	if err != nil {
		return parley.Message{}, fmt.Errorf("message %d: %w", id, err)
	}
	f := l.fold(h)
	var state []byte
	if e.Change == "" {
		if state, err = f.row('f', id); err != nil {
			return parley.Message{}, fmt.Errorf("state of message %d: %w", id, err)
		}
	}
	m, err := f.whole(&e, state)
	if err != nil {
		err = fmt.Errorf("message %d: %w", id, err)
	}
	return m, err
}

// Bounds implements parley.Log. For channels in use it reads only memory.
func (l *Log) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	if err := l.gate.acquire(); err != nil {
		return nil, fmt.Errorf("bounds: %w", err)
	}
	defer l.gate.release()
	out := make([]parley.Bounds, len(channels))
	for i, ch := range channels {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("bounds: %w", err)
		}
		h, err := l.hold(ch)
		if err != nil {
			return nil, fmt.Errorf("bounds: %w", err)
		}
		b := h.bounds()
		l.heads.release(h)
		out[i] = parley.Bounds{Channel: ch, Epoch: l.epoch, First: b.first, Last: b.last, Time: b.time, Before: b.before}
	}
	return out, nil
}
