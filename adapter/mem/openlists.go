package mem

import (
	"context"
	"maps"
	"slices"

	"parley"
)

var _ parley.OpenLists = (*Handle)(nil)

// AddOpen implements parley.OpenLists.
func (h *Handle) AddOpen(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return h.write(ctx, func(s *Store) error {
		for _, channel := range channels {
			if s.open[node] == nil {
				s.open[node] = map[parley.ChannelID]struct{}{}
			}
			s.open[node][channel] = struct{}{}
		}
		return nil
	})
}

// RemoveOpen implements parley.OpenLists.
func (h *Handle) RemoveOpen(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return h.write(ctx, func(s *Store) error {
		for _, channel := range channels {
			if delete(s.open[node], channel); len(s.open[node]) == 0 {
				delete(s.open, node)
			}
		}
		return nil
	})
}

// OpenList implements parley.OpenLists.
func (h *Handle) OpenList(ctx context.Context, node string, after parley.ChannelID, limit int) (channels []parley.ChannelID, err error) {
	err = h.read(ctx, func(s *Store) error {
		channels = page(s.open[node], after, limit)
		return nil
	})
	return channels, err
}

// OpenNodes implements parley.OpenLists.
func (h *Handle) OpenNodes(ctx context.Context) (nodes []string, err error) {
	err = h.read(ctx, func(s *Store) error {
		nodes = slices.Sorted(maps.Keys(s.open))
		return nil
	})
	return nodes, err
}
