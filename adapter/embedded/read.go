package embedded

import (
	"context"
	"fmt"

	"parley"

	"github.com/cockroachdb/pebble/v2"
)

// maxRun is the size, in bytes, at which a run that is read ends.
const maxRun = 1 << 20

// Read implements parley.Log. It costs one seek, and a step per message.
func (l *Log) Read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	run, err := l.read(ctx, channel, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read %s after %d: %w", channel, after.ID, err)
	}
	return run, nil
}

func (l *Log) read(ctx context.Context, channel parley.ChannelID, after parley.Cursor, limit int) ([]parley.Message, error) {
	if err := l.gate.enter(); err != nil {
		return nil, err
	}
	defer l.gate.leave()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
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
	// A trim raises first before it deletes, so a hole in what was read shows here.
	if from < h.bounds().first {
		return nil, parley.ErrTrimmed
	}
	return run, err
}

// scan reads the entries from…to, fewer if they are large.
func (l *Log) scan(h *head, from, to int64) ([]parley.Message, error) {
	channel := h.channel
	if from == to {
		m, err := l.get(h, from)
		if err != nil {
			return nil, err
		}
		return []parley.Message{m}, nil
	}
	it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: messageKey(channel, from), UpperBound: messageKey(channel, to+1)})
	if err != nil {
		return nil, err
	}
	defer it.Close()
	run := make([]parley.Message, 0, min(to-from+1, 1024))
	size := 0
	for ok := it.First(); ok && size < maxRun; ok = it.Next() {
		id := messageID(it.Key())
		if id != from+int64(len(run)) {
			break
		}
		v, err := it.ValueAndErr()
		if err != nil {
			return nil, err
		}
		m, err := decodeMessage(channel, id, h.covered(id, v))
		if err != nil {
			return nil, fmt.Errorf("message %d: %w", id, err)
		}
		size += len(v)
		run = append(run, m)
	}
	if err := it.Error(); err != nil {
		return nil, err
	}
	if next := from + int64(len(run)); next <= to && size < maxRun {
		return nil, fmt.Errorf("message %d is missing in the store", next)
	}
	return run, nil
}

// get reads one entry as it durably is.
func (l *Log) get(h *head, id int64) (parley.Message, error) {
	v, closer, err := l.db.Get(messageKey(h.channel, id))
	if err != nil {
		return parley.Message{}, fmt.Errorf("message %d: %w", id, err)
	}
	defer closer.Close()
	m, err := decodeMessage(h.channel, id, h.covered(id, v))
	if err != nil {
		err = fmt.Errorf("message %d: %w", id, err)
	}
	return m, err
}

// Bounds implements parley.Log. It reads memory only, if the channels are in use.
func (l *Log) Bounds(ctx context.Context, channels ...parley.ChannelID) ([]parley.Bounds, error) {
	if err := l.gate.enter(); err != nil {
		return nil, fmt.Errorf("bounds: %w", err)
	}
	defer l.gate.leave()
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
		out[i] = parley.Bounds{Channel: ch, Epoch: l.epoch, First: b.first, Last: b.last, Time: b.time}
	}
	return out, nil
}
