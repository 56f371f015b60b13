package embedded

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

const (
	// trimChunk messages are trimmed in one batch, so that appends hardly wait.
	trimChunk = 4096
	// sweepChannels are checked each time even if they have not changed, because their messages may
	// have become too old.
	sweepChannels = 2000
)

// trims records which channels have changed since they were last trimmed.
type trims struct {
	mu    sync.Mutex // guards dirty
	dirty map[parley.ChannelID]struct{}

	pass  sync.Mutex       // one pass at a time; guards swept
	swept parley.ChannelID // the sweep continues after it
}

func newTrims() *trims { return &trims{dirty: map[parley.ChannelID]struct{}{}} }

func (t *trims) changed(ch parley.ChannelID) {
	t.mu.Lock()
	t.dirty[ch] = struct{}{}
	t.mu.Unlock()
}

func (t *trims) popAll() map[parley.ChannelID]struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	dirty := t.dirty
	t.dirty = make(map[parley.ChannelID]struct{}, len(dirty))
	return dirty
}

func (l *Log) runRetention(ctx context.Context) {
	tick := time.NewTicker(l.cfg.TrimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.retain(ctx); err != nil && ctx.Err() == nil && l.broken.Load() == nil {
			l.cfg.Logger.Error("old messages could not be removed", "err", err)
		}
	}
}

// retain trims the channels that changed, and the next few of all channels.
func (l *Log) retain(ctx context.Context) error {
	l.trims.pass.Lock() // held during reads and appends, which never acquire it
	defer l.trims.pass.Unlock()
	channels := l.trims.popAll()
	var failed []error
	some, err := l.Channels(ctx, l.trims.swept, sweepChannels)
	if err != nil {
		failed = append(failed, err) // changed channels are trimmed anyway
	}
	l.trims.swept = ""
	if len(some) == sweepChannels {
		l.trims.swept = some[len(some)-1]
	}
	for _, ch := range some {
		channels[ch] = struct{}{}
	}
	for ch := range channels {
		if err := l.trim(ctx, ch); err != nil { // the error is this channel's only
			l.trims.changed(ch)
			if failed = append(failed, fmt.Errorf("trim %s: %w", ch, err)); ctx.Err() != nil || len(failed) == mostTrimErrors {
				break
			}
		}
	}
	return errors.Join(failed...)
}

// mostTrimErrors errors end a pass: then the store is failing, not a single channel.
const mostTrimErrors = 100

// trim removes entries that a channel need not keep. It is inside the gate only while reading.
func (l *Log) trim(ctx context.Context, ch parley.ChannelID) error {
	var b bounds
	var target int64
	err := l.inside(ctx, func() (err error) {
		b, target, err = l.plan(ch)
		return err
	})
	for from := b.first; err == nil && from < target; {
		to := min(from+trimChunk, target)
		err = l.cut(ctx, ch, from, to)
		from = to
	}
	if target > b.first {
		l.reclaim(ctx, ch)
	}
	if errors.Is(err, pebble.ErrNotFound) && l.firstOf(ctx, ch) > b.first {
		return nil // the channel was removed in the meantime
	}
	return err
}

// plan returns a channel's bounds and the first id to keep.
func (l *Log) plan(ch parley.ChannelID) (b bounds, target int64, err error) {
	keep := l.cfg.Retention
	s, _, err := l.settings(ch)
	if err != nil {
		return b, 0, err
	}
	if of := l.cfg.RetentionOf(ch); of != (parley.Retention{}) {
		keep = of
	}
	if s.Retention != nil {
		keep = *s.Retention
	}
	if keep.Messages <= 0 && keep.Seconds <= 0 {
		return b, 0, nil
	}
	h, err := l.hold(ch)
	if err != nil {
		return b, 0, err
	}
	defer l.heads.release(h)
	b = h.bounds()
	target, err = l.target(ch, b, keep)
	return b, target, err
}

// firstOf returns the first id that a channel keeps, 0 if that cannot be read.
func (l *Log) firstOf(ctx context.Context, ch parley.ChannelID) (first int64) {
	_ = l.inside(ctx, func() error {
		h, err := l.hold(ch)
		if err == nil {
			first = h.bounds().first
			l.heads.release(h)
		}
		return err
	})
	return first
}

// target returns the first id to keep. It keeps some more than the limit, so that a busy channel is
// not trimmed for each message.
func (l *Log) target(ch parley.ChannelID, b bounds, keep parley.Retention) (int64, error) {
	target := b.first
	if n := keep.Messages; n > 0 && b.last-b.first+1-n > max(10, n/10) {
		target = b.last - n + 1
	}
	if keep.Seconds <= 0 || b.first > b.last {
		return target, nil
	}
	now := l.aged().UnixMicro()
	if keep.Seconds > now/1e6 {
		return target, nil // since before 1970: the product below might be too large
	}
	oldest := parley.Timestamp(now - keep.Seconds*1e6)
	low, high := target, b.last+1 // the first message that is young enough is in [low, high]
	for first := true; low < high; first = false {
		mid := low + (high-low)/2
		if first {
			mid = low // usually nothing is too old
		}
		t, err := l.timeOf(ch, mid)
		if err != nil {
			return 0, err
		}
		if t >= oldest {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low, nil
}

func (l *Log) timeOf(ch parley.ChannelID, id int64) (parley.Timestamp, error) {
	v, closer, err := l.db.Get(messageKey(ch, id))
	if err != nil {
		return 0, fmt.Errorf("message %d: %w", id, err)
	}
	defer closer.Close()
	t, _, err := decodePrefix(v)
	return t, err
}

// cut removes the entries from…to-1 with the rows derived from them.
func (l *Log) cut(ctx context.Context, ch parley.ChannelID, from, to int64) error {
	var keys [][]byte
	var trimmed map[tallyRow]int64
	var before int64
	err := l.inside(ctx, func() error {
		h, err := l.hold(ch)
		if err != nil {
			return err
		}
		defer l.heads.release(h)
		keys, trimmed, before, err = l.derivedOf(h, from, to)
		return err
	})
	if err != nil {
		return err
	}
	return l.submit(ctx, &request{do: func(b *build) error {
		h, err := b.head(ch)
		if err != nil || h.next.first >= to {
			return err // the channel was removed in the meantime; its keys may be in use again
		}
		h.next.first, h.next.before, h.next.exists = to, before, to <= h.next.last
		h.raise(to, before)
		for _, kind := range []byte("mcfx") { // rows whose key begins with the id of a removed message
			must(b.batch.DeleteRange(rowKey(kind, ch, from), rowKey(kind, ch, to), nil))
		}
		for _, k := range keys {
			must(b.batch.Delete(k, nil))
		}
		b.saveRecord(h)
		if err := b.trimTallies(h, trimmed, to); err != nil || h.next.exists {
			return err
		}
		return b.listed(h)
	}})
}

// derivedOf returns the other rows of entries from…to-1, the rows of tallies that count them with
// the number in each, and the count of the last entry.
func (l *Log) derivedOf(h *head, from, to int64) (keys [][]byte, trimmed map[tallyRow]int64, count int64, err error) {
	ch := h.channel
	trimmed = map[tallyRow]int64{}
	err = l.each(h, from, to-1, func(m parley.Message, _ int) bool {
		if count = m.Count; m.Change != "" {
			return true
		}
		if m.Key != "" {
			keys = append(keys, senderKey(ch, m.User, m.Key))
		}
		if m.Thread != 0 {
			keys = append(keys, rowKey('t', ch, m.Thread, m.ID))
		}
		for _, of := range tallies(&m) {
			tallyRows(m.ID, func(level int, run int64) { trimmed[tallyRow{of, level, run}]++ })
		}
		return true
	})
	return keys, trimmed, count, err
}
