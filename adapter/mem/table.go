package mem

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/parley-server/parley"
)

var _ parley.Table = (*Handle)(nil)

// Rows implements parley.Table.
func (h *Handle) Rows(ctx context.Context, group, after string, limit int) (all []parley.Row, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, key := range slices.Sorted(maps.Keys(s.rows[group])) {
			if key > after && len(all) < limit {
				all = append(all, parley.Row{Key: key, Value: bytes.Clone(s.rows[group][key])})
			}
		}
		return nil
	})
	return all, err
}

// Get implements parley.Table.
func (h *Handle) Get(ctx context.Context, group string, keys ...string) (values [][]byte, err error) {
	err = h.read(ctx, func(s *Store) error {
		values = make([][]byte, len(keys))
		for i, key := range keys {
			values[i] = bytes.Clone(s.rows[group][key])
		}
		return nil
	})
	return values, err
}

// Put implements parley.Table.
func (h *Handle) Put(ctx context.Context, group string, rows ...parley.Row) error {
	return h.write(ctx, func(s *Store) error {
		for _, r := range rows {
			s.putLocked(group, r)
		}
		return nil
	})
}

// Swap implements parley.Table.
func (h *Handle) Swap(ctx context.Context, group string, old []byte, row parley.Row) (swapped bool, err error) {
	err = h.write(ctx, func(s *Store) error {
		is, found := s.rows[group][row.Key]
		if swapped = found == (old != nil) && bytes.Equal(is, old); swapped {
			s.putLocked(group, row)
		}
		return nil
	})
	return swapped, err
}

func (s *Store) putLocked(group string, r parley.Row) {
	rows := s.rows[group]
	if r.Value == nil {
		if delete(rows, r.Key); len(rows) == 0 {
			delete(s.rows, group)
		}
		return
	}
	if rows == nil {
		rows = map[string][]byte{}
		s.rows[group] = rows
	}
	rows[r.Key] = bytes.Clone(r.Value)
}
