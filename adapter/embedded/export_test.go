package embedded

import (
	"context"

	"parley"

	"github.com/cockroachdb/pebble/v2"
)

// Retain does at once what Run does every TrimEvery.
func (l *Log) Retain(ctx context.Context) error { return l.retain(ctx) }

// Stored counts the messages and senders' keys of a channel on the disk.
func (l *Log) Stored(ch parley.ChannelID) (messages, keys int, err error) {
	for i, n := range []*int{&messages, &keys} {
		from, to := span("mk"[i], ch)
		it, err := l.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
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

// Written is how many bytes were given to the write-ahead log so far.
func (l *Log) Written() uint64 { return l.db.Metrics().WAL.BytesIn }
