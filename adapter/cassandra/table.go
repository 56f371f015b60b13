package cassandra

import (
	"context"
	"fmt"

	"github.com/parley-server/parley"
)

var _ parley.Table = (*Store)(nil)

// Rows implements parley.Table.
func (s *Store) Rows(ctx context.Context, group, after string, limit int) (all []parley.Row, err error) {
	err = s.in(ctx, func() error {
		if limit <= 0 {
			return nil
		}
		rs := s.read(`SELECT key, value FROM rows WHERE part = ? AND key > ? LIMIT ?`, []byte(group), []byte(after), limit).
			PageSize(100).IterContext(ctx) // of at most 64 KiB each
		var key, value []byte
		for rs.Scan(&key, &value) {
			all = append(all, parley.Row{Key: string(key), Value: value})
			key, value = nil, nil
		}
		return rs.Close()
	}, "rows of %s", group)
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Get implements parley.Table.
func (s *Store) Get(ctx context.Context, group string, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	err := s.in(ctx, func() error {
		return each(len(keys), func(i int) error {
			_, err := one(ctx, s.read(`SELECT value FROM rows WHERE part = ? AND key = ?`, []byte(group), []byte(keys[i])), &values[i])
			return err
		})
	}, "rows of %s", group)
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Put implements parley.Table. The servers stamp the rows, because one node's clock may be wrong and must not decide which
// of two nodes' rows is the later one.
func (s *Store) Put(ctx context.Context, group string, rows ...parley.Row) error {
	return s.in(ctx, func() error {
		return each(len(rows), func(i int) error {
			q := s.session.Query(`DELETE FROM rows WHERE part = ? AND key = ?`, []byte(group), []byte(rows[i].Key))
			if rows[i].Value != nil {
				q = s.session.Query(`INSERT INTO rows (part, key, value) VALUES (?, ?, ?)`, []byte(group), []byte(rows[i].Key), rows[i].Value)
			}
			return q.DefaultTimestamp(false).Idempotent(true).RetryPolicy(retries).ExecContext(ctx)
		})
	}, "put rows of %s", group)
}

// Swap implements parley.Table.
func (s *Store) Swap(ctx context.Context, group string, old []byte, r parley.Row) (swapped bool, err error) {
	err = s.in(ctx, func() error {
		give, err := s.locks.take(ctx, "row "+group+"\x00"+r.Key)
		if err != nil {
			return unavailable(err)
		}
		defer give()
		part, key := []byte(group), []byte(r.Key)
		if r.Value == nil && old == nil { // a condition of a deletion cannot say that there is no row
			var is []byte
			found, err := one(ctx, s.linear(`SELECT value FROM rows WHERE part = ? AND key = ?`, part, key), &is)
			swapped = err == nil && !found
			return unavailable(err)
		}
		q := s.session.Query(`UPDATE rows SET value = ? WHERE part = ? AND key = ? IF value = ?`, r.Value, part, key, old)
		switch {
		case old == nil:
			q = s.session.Query(`INSERT INTO rows (part, key, value) VALUES (?, ?, ?) IF NOT EXISTS`, part, key, r.Value)
		case r.Value == nil:
			q = s.session.Query(`DELETE FROM rows WHERE part = ? AND key = ? IF value = ?`, part, key, old)
		}
		swapped, err = q.MapScanCASContext(ctx, map[string]any{})
		if err == nil || unsent(err) {
			return unavailable(err)
		}
		return fmt.Errorf("%w: %w", parley.ErrUnknown, err)
	}, "swap a row of %s", group)
	return swapped && err == nil, err
}
