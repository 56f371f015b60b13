package embedded

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/parley-server/parley"
)

var _ parley.Outbox = (*Log)(nil)

// Notes of unprojected channels do not wait for a sync: they are in the write-ahead log before the append that follows,
// whose sync covers them. After a failed write it is unknown whether they are stored, so reopen writes them again.

// unfinished are the notes made since the store was opened.
type unfinished struct {
	mu sync.Mutex // guards of
	of map[string]map[parley.ChannelID]struct{}
}

func (u *unfinished) note(node string, channels []parley.ChannelID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[node] == nil {
		u.of[node] = map[parley.ChannelID]struct{}{}
	}
	for _, channel := range channels {
		u.of[node][channel] = struct{}{}
	}
}

func (u *unfinished) forget(node string, channels []parley.ChannelID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, channel := range channels {
		delete(u.of[node], channel)
	}
	if len(u.of[node]) == 0 {
		delete(u.of, node)
	}
}

// save writes all notes.
func (u *unfinished) save(db *table) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	batch := db.NewBatch()
	for node, channels := range u.of {
		for channel := range channels {
			must(batch.Set(noteKey(node, channel), nil, nil))
		}
	}
	return batch.Commit(pebble.NoSync)
}

func notesOf(node string) []byte { return append([]byte{'w', byte(len(node))}, node...) }

func noteKey(node string, channel parley.ChannelID) []byte { return append(notesOf(node), channel...) }

// PutUnfinished implements parley.Outbox.
func (l *Log) PutUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	err := l.note(ctx, func(b *pebble.Batch) {
		l.unfinished.note(node, channels)
		for _, channel := range channels {
			must(b.Set(noteKey(node, channel), nil, nil))
		}
	})
	if err != nil {
		return fmt.Errorf("note channels that node %s has not projected: %w", node, err)
	}
	return nil
}

// RemoveUnfinished implements parley.Outbox.
func (l *Log) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	err := l.note(ctx, func(b *pebble.Batch) {
		l.unfinished.forget(node, channels)
		for _, channel := range channels {
			must(b.Delete(noteKey(node, channel), nil))
		}
	})
	if err != nil {
		return fmt.Errorf("forget channels that node %s has not projected: %w", node, err)
	}
	return nil
}

// note applies a batch filled by do. Inside the gate the files stay open.
func (l *Log) note(ctx context.Context, do func(*pebble.Batch)) error {
	return l.inside(ctx, func() error {
		if err := l.refusal(true); err != nil {
			return err
		}
		batch := l.db.NewBatch()
		do(batch)
		if err := l.db.Apply(batch, pebble.NoSync); err != nil {
			l.fail(err)
		} else if err := batch.Close(); err != nil {
			return err
		}
		return l.refusal(true)
	})
}

// Unfinished implements parley.Outbox.
func (l *Log) Unfinished(ctx context.Context, node string, after parley.ChannelID, limit int) (channels []parley.ChannelID, err error) {
	err = l.inside(ctx, func() error {
		from := notesOf(node)
		it, err := l.db.rowsOf(append(noteKey(node, after), 0), upTo(from))
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := len(channels) < limit && it.First(); ok; ok = len(channels) < limit && it.Next() {
			channels = append(channels, parley.ChannelID(it.Key()[len(from):]))
		}
		return it.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("channels that node %s has not projected: %w", node, err)
	}
	return channels, nil
}

// UnfinishedNodes implements parley.Outbox.
func (l *Log) UnfinishedNodes(ctx context.Context) (nodes []string, err error) {
	err = l.inside(ctx, func() error {
		it, err := l.db.rowsOf([]byte{'w'}, []byte{'w' + 1})
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := it.First(); ok; {
			key := it.Key()
			if len(key) < 2 || len(key) < 2+int(key[1]) {
				return errCodec
			}
			of := slices.Clone(key[:2+int(key[1])])
			nodes = append(nodes, string(of[2:]))
			ok = it.SeekGE(upTo(of))
		}
		return it.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("nodes that have not projected: %w", err)
	}
	return nodes, nil
}
