package embedded

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"

	"github.com/parley-server/parley"

	"github.com/cockroachdb/pebble/v2"
)

// Retain does immediately what Run does every TrimEvery.
func (l *Log) Retain(ctx context.Context) error { return l.retain(ctx) }

// Stored counts the messages and senders' keys of a channel on the disk.
func (l *Log) Stored(ch parley.ChannelID) (messages, keys int, err error) {
	for i, n := range []*int{&messages, &keys} {
		from, to := span("mk"[i], ch)
		it, err := l.db.rowsOf(from, to)
		if err != nil {
			return 0, 0, err
		}
		for ok := it.First(); ok; ok = it.Next() {
			*n++
		}
		if err := it.Close(); err != nil {
			return 0, 0, err
		}
	}
	return messages, keys, nil
}

// Damage makes a channel's record unreadable.
func (l *Log) Damage(ch parley.ChannelID) error {
	return l.db.Set(headKey(ch), []byte{0xFF}, pebble.Sync)
}

// Written is the number of bytes written to the write-ahead log so far.
func (l *Log) Written() uint64 { return l.db.Metrics().WAL.BytesIn }

// Age converts the changes in a channel to the form of earlier versions, and clears what is in memory.
func (l *Log) Age(ch parley.ChannelID) error {
	h, err := l.hold(ch)
	if err != nil {
		return err
	}
	defer l.heads.release(h)
	b := l.db.NewBatch()
	defer b.Close()
	bounds := h.bounds()
	var failed error
	err = l.each(h, bounds.first, bounds.last, func(m parley.Message, _ int) bool {
		replies := int64(0)
		if m.Change == "" {
			replies, failed = l.countReplies(h, m.ID)
		}
		row := make([]byte, prefixSize)
		putPrefix(row, m.Time, m.Count)
		switch {
		case m.Change != "":
			row[0] = whole
			t := m.Target
			row = appendString(appendBody(row, messageBody(&m)), string(m.Change))
			for _, v := range [...]int64{t.ID, int64(t.Time), t.Count} {
				row = binary.AppendUvarint(row, uint64(v))
			}
			row = appendState(appendBody(row, messageBody(t)), t, 0)
			must(b.Set(rowKey('c', ch, m.Of, m.ID), nil, nil))
		case m.Edited || m.Deleted || replies != 0 || len(m.Reactions) > 0:
			row[0] = folded
			row = appendState(appendBody(row, messageBody(&m)), &m, replies)
			must(b.Delete(rowKey('f', ch, m.ID), nil))
		default:
			must(b.Delete(rowKey('f', ch, m.ID), nil))
			return true
		}
		must(b.Set(messageKey(ch, m.ID), row, nil))
		return failed == nil
	})
	if err = errors.Join(err, failed); err != nil {
		return err
	}
	return b.Commit(pebble.Sync)
}

// Holds counts the rows of a channel that contain certain bytes.
func (l *Log) Holds(ch parley.ChannelID, what string) (rows int, err error) {
	for _, kind := range inChannel {
		from, to := span(kind, ch)
		it, err := l.db.rowsOf(from, to)
		if err != nil {
			return 0, err
		}
		for ok := it.First(); ok; ok = it.Next() {
			if bytes.Contains(it.Value(), []byte(what)) || bytes.Contains(it.Key(), []byte(what)) {
				rows++
			}
		}
		if err := it.Close(); err != nil {
			return 0, err
		}
	}
	return rows, nil
}

// AgeIndexes converts a channel's tallies to the form of earlier versions, and removes the rows
// those did not have.
func (l *Log) AgeIndexes(ch parley.ChannelID) error {
	h, err := l.hold(ch)
	if err != nil {
		return err
	}
	defer l.heads.release(h)
	b := l.db.NewBatch()
	defer b.Close()
	bounds := h.bounds()
	err = l.each(h, bounds.first, bounds.last, func(m parley.Message, _ int) bool {
		if m.Deleted {
			must(b.Set(rowKey('d', ch, m.ID), nil, nil))
		}
		for _, user := range m.Mentions() {
			key := append(named('n', string(ch), string(user)), 0)
			must(b.Set(binary.BigEndian.AppendUint64(key, uint64(m.ID)), []byte(m.User), nil))
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, kind := range []byte("yo") {
		must(b.DeleteRange([]byte{kind}, []byte{kind + 1}, nil))
	}
	must(b.Delete(formatKey, nil))
	return b.Commit(pebble.Sync)
}

// Flush writes what is in memory to the store's files.
func (l *Log) Flush() error {
	return l.inside(context.Background(), func() error { return l.db.Flush() })
}

// SetFormat marks the database as being of another format.
func (l *Log) SetFormat(n byte) error { return l.db.Set(formatKey, []byte{n}, pebble.Sync) }

// Format is the format of this version.
const Format = format

// Extend appends fields of a later version to an entry, its f row and the channel's record.
func (l *Log) Extend(ch parley.ChannelID, id int64, fields string) error {
	for _, key := range [][]byte{messageKey(ch, id), rowKey('f', ch, id), headKey(ch)} {
		v, closer, err := l.db.Get(key)
		if errors.Is(err, pebble.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		row := append(bytes.Clone(v), fields...)
		closer.Close()
		if key[0] == 'm' {
			row[0] |= extended
		}
		if err := l.db.Set(key, row, pebble.Sync); err != nil {
			return err
		}
	}
	return nil
}

// Field encodes one such field.
func Field(tag uint64, value string) string {
	return string(appendString(binary.AppendUvarint(nil, tag), value))
}

// Untagged counts the rows whose value does not begin with a format byte.
func (l *Log) Untagged() (n int, err error) {
	it, err := l.db.NewIter(nil)
	if err != nil {
		return 0, err
	}
	for ok := it.First(); ok; ok = it.Next() {
		v := it.Value()
		switch known := map[byte][]byte{'m': {plain, folded, whole, changed}, 'h': {version}, 'p': {version}, 'i': {format}}[it.Key()[0]]; {
		case len(v) == 0:
		case known != nil && !bytes.Contains(known, []byte{v[0] &^ extended}), known == nil && v[0] != tagged:
			n++
		}
	}
	return n, it.Close()
}

// BeginFlush starts writing the memtable to a file, and begins a new log.
func (l *Log) BeginFlush() error {
	return l.inside(context.Background(), func() error {
		_, err := l.db.AsyncFlush()
		return err
	})
}
