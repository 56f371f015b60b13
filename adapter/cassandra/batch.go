package cassandra

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"github.com/parley-server/parley"
)

// batch holds entries that are stored in one step, in one bucket.
type batch struct {
	channel  parley.ChannelID
	bucket   int64
	from, is head // before and after it
	entries  []entryRow
	keys     []keyRow
}

type entryRow struct {
	id          int64
	body, extra []byte
}

type keyRow struct {
	ukey     []byte
	of, was  int64
	restored bool // whatever the bucket has
}

func (b *batch) add(m parley.Message, extra []byte) {
	b.entries = append(b.entries, entryRow{m.ID, bodyOf(&m), extra})
}

const (
	firstStatement  = `UPDATE log SET head = ?, ts = ?, count = ?, changed = ? WHERE channel = ? AND bucket = ? IF head = null`
	nextStatement   = `UPDATE log SET head = ?, ts = ?, count = ?, changed = ? WHERE channel = ? AND bucket = ? IF head = ?`
	entryStatement  = `INSERT INTO log (channel, bucket, kind, id, ukey, nonce, body) VALUES (?, ?, 0, ?, 0x, ?, ?)`
	extraStatement  = `INSERT INTO log (channel, bucket, kind, id, ukey, nonce, body, extra) VALUES (?, ?, 0, ?, 0x, ?, ?, ?)`
	keyStatement    = `INSERT INTO log (channel, bucket, kind, id, ukey, target) VALUES (?, ?, 1, 0, ?, ?) IF NOT EXISTS`
	putKeyStatement = `INSERT INTO log (channel, bucket, kind, id, ukey, target) VALUES (?, ?, 1, 0, ?, ?)`
	rekeyStatement  = `UPDATE log SET target = ? WHERE channel = ? AND bucket = ? AND kind = 1 AND id = 0 AND ukey = ? IF target = ?`
)

// send executes a batch under the condition that the head is where the batch begins. It is not applied if the head is
// elsewhere or a key is taken; the head is known then. ErrUnknown: it may be stored, now or later. ErrUnavailable: it never
// will be.
func (s *Store) send(ctx context.Context, b *batch) (applied bool, err error) {
	nonce := make([]byte, 16)
	if _, err := rand.Read(nonce); err != nil {
		return false, unavailable(err)
	}
	sent := false
	for try := 0; ; try++ {
		applied, err := s.sendOnce(ctx, b, nonce)
		if applied {
			s.remember(b.channel, b.is)
			if b.bucket > s.bucketOf(b.from.id) { // the hint that readers begin with may trail
				_ = s.raise(ctx, b.channel, "bucket", b.bucket)
			}
			return true, nil
		}
		if never := unsent(err); never && !sent {
			s.forget(b.channel)
			return false, unavailable(err)
		}
		sent = sent || err == nil || !unsent(err)
		is, rerr := s.freshHead(ctx, b.channel)
		for rerr != nil && ctx.Err() == nil {
			pause(ctx)
			is, rerr = s.freshHead(ctx, b.channel)
		}
		if rerr == nil && is.id > b.from.id {
			var own bool
			if own, rerr = s.isOwn(ctx, b, nonce); rerr == nil {
				if own {
					s.remember(b.channel, later(is, b.is))
				}
				return own, nil
			}
		}
		switch {
		case rerr == nil && err == nil && is.id == b.from.id:
			return false, nil // a key is taken
		case rerr != nil || ctx.Err() != nil:
			s.forget(b.channel)
			return false, fmt.Errorf("%w: %w", parley.ErrUnknown, errors.Join(err, rerr, ctx.Err()))
		}
		pause(ctx)
	}
}

func later(a, b head) head {
	if a.id >= b.id {
		return a
	}
	return b
}

// pause waits between two attempts.
func pause(ctx context.Context) {
	select {
	case <-time.After(time.Duration(20+mathrand.Int64N(30)) * time.Millisecond):
	case <-ctx.Done():
	}
}

// errNotSent is an error that tests inject.
var errNotSent = errors.New("the batch was not sent")

// unsent reports whether an error means that no replica received the batch.
func unsent(err error) bool {
	var few *gocql.RequestErrUnavailable
	return errors.As(err, &few) || errors.Is(err, gocql.ErrNoConnections) || errors.Is(err, errNotSent)
}

func (s *Store) sendOnce(ctx context.Context, b *batch, nonce []byte) (applied bool, err error) {
	if f := s.faults.before; f != nil {
		if err := f(b.channel); err != nil {
			return false, err
		}
	}
	channel := string(b.channel)
	q := s.session.Batch(gocql.UnloggedBatch)
	if b.bucket > s.bucketOf(b.from.id) || b.from.id == 0 {
		q.Query(firstStatement, b.is.id, int64(b.is.time), b.is.count, b.is.changed, channel, b.bucket)
	} else {
		q.Query(nextStatement, b.is.id, int64(b.is.time), b.is.count, b.is.changed, channel, b.bucket, b.from.id)
	}
	for _, e := range b.entries {
		if e.extra == nil {
			q.Query(entryStatement, channel, b.bucket, e.id, nonce, e.body)
		} else {
			q.Query(extraStatement, channel, b.bucket, e.id, nonce, e.body, e.extra)
		}
	}
	for _, k := range b.keys {
		switch {
		case k.restored:
			q.Query(putKeyStatement, channel, b.bucket, k.ukey, k.of)
		case k.was == 0:
			q.Query(keyStatement, channel, b.bucket, k.ukey, k.of)
		default:
			q.Query(rekeyStatement, k.of, channel, b.bucket, k.ukey, k.was)
		}
	}
	applied, rows, err := q.MapExecCASContext(ctx, map[string]any{})
	if rows != nil {
		err = errors.Join(err, rows.Close())
	}
	if f := s.faults.after; f != nil && err == nil {
		if err = f(b.channel); err != nil {
			applied = false
		}
	}
	return applied && err == nil, err
}

// isOwn reports whether the entry after a batch's beginning is the batch's own. The head is after it. An entry that was
// removed is older than any batch in flight (removedAfter).
func (s *Store) isOwn(ctx context.Context, b *batch, nonce []byte) (bool, error) {
	var is []byte
	_, err := one(ctx, s.linear(`SELECT nonce FROM log WHERE channel = ? AND bucket = ? AND kind = 0 AND id = ? AND ukey = 0x`,
		string(b.channel), b.bucket, b.from.id+1), &is)
	return bytes.Equal(is, nonce), err
}
