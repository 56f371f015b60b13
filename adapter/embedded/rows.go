package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/parley-server/parley"
)

var _ parley.Table = (*Log)(nil)

// groupKey returns the prefix of the keys of a group's rows. Groups and keys may contain any bytes, so the
// name is preceded by its length.
func groupKey(group string) []byte {
	return append(append(make([]byte, 0, len(group)+64), 'd', byte(len(group))), group...)
}

func groupRow(group, key string) []byte { return append(groupKey(group), key...) }

// upTo returns the first key after all keys with the prefix, which must not be all 0xff.
func upTo(prefix []byte) []byte {
	to := slices.Clone(prefix)
	for i := len(to) - 1; ; i-- {
		if to[i]++; to[i] != 0 {
			return to[:i+1]
		}
	}
}

// value decodes a row's value; the result belongs to the caller.
func value(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != tagged {
		return nil, errCodec
	}
	return bytes.Clone(b[1:]), nil
}

// Rows implements parley.Table.
func (l *Log) Rows(ctx context.Context, group, after string, limit int) (all []parley.Row, err error) {
	err = l.inside(ctx, func() error {
		prefix := groupKey(group)
		it, err := l.db.rowsOf(append(groupRow(group, after), 0), upTo(prefix))
		if err != nil {
			return err
		}
		defer it.Close()
		for ok := len(all) < limit && it.First(); ok; ok = len(all) < limit && it.Next() {
			v, err := value(it.Value())
			if err != nil {
				return err
			}
			all = append(all, parley.Row{Key: string(it.Key()[len(prefix):]), Value: v})
		}
		return it.Error()
	})
	if err != nil {
		return nil, fmt.Errorf("rows of %s: %w", group, err)
	}
	return all, nil
}

// Get implements parley.Table.
func (l *Log) Get(ctx context.Context, group string, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := l.inside(ctx, func() error {
		for i, key := range keys {
			var err error
			if values[i], _, err = row(l.getter(), groupRow(group, key), value); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("rows of %s: %w", group, err)
	}
	return values, nil
}

// mostPut is about how many bytes of a Put go into one batch.
const mostPut = 1 << 20

// Put implements parley.Table. It shares its sync with appends.
func (l *Log) Put(ctx context.Context, group string, rows ...parley.Row) error {
	for err := ctx.Err(); ; {
		n, size := 0, 0
		for n < len(rows) && (n == 0 || size < mostPut) {
			size += len(group) + len(rows[n].Key) + len(rows[n].Value) + 16
			n++
		}
		if err == nil && n > 0 {
			err = l.put(ctx, group, rows[:n], size)
		}
		if err != nil {
			return fmt.Errorf("put rows of %s: %w", group, err)
		}
		if rows = rows[n:]; len(rows) == 0 {
			return nil
		}
	}
}

func (l *Log) put(ctx context.Context, group string, rows []parley.Row, size int) error {
	own, removes := make([]parley.Row, len(rows)), true // the caller's memory is not used after return
	for i, r := range rows {
		own[i] = parley.Row{Key: r.Key, Value: bytes.Clone(r.Value)}
		removes = removes && r.Value == nil
	}
	return l.submit(ctx, &request{size: size, do: func(b *build) error {
		if err := l.refusal(removes); err != nil {
			return err
		}
		for _, r := range own {
			b.set(group, r)
		}
		return nil
	}})
}

func (b *build) set(group string, r parley.Row) {
	if r.Value == nil {
		must(b.batch.Delete(groupRow(group, r.Key), nil))
		return
	}
	must(b.batch.Set(groupRow(group, r.Key), tag(r.Value), nil))
}

// Swap implements parley.Table. Only the builder writes, and it sees the writes in flight.
func (l *Log) Swap(ctx context.Context, group string, old []byte, r parley.Row) (swapped bool, err error) {
	old, r.Value = bytes.Clone(old), bytes.Clone(r.Value)
	same := false // owned by the builder until it has answered
	err = l.submit(ctx, &request{size: len(group) + len(r.Key) + len(r.Value) + 16, do: func(b *build) error {
		if err := l.refusal(r.Value == nil); err != nil {
			return err
		}
		is, found, err := row(b.getter(), groupRow(group, r.Key), value)
		if err != nil {
			return errors.Join(parley.ErrUnavailable, err)
		}
		if same = found == (old != nil) && bytes.Equal(is, old); same {
			b.set(group, r)
		}
		return nil
	}})
	if err != nil {
		return false, fmt.Errorf("swap a row of %s: %w", group, err)
	}
	return same, nil
}
