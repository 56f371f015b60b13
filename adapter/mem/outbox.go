package mem

import (
	"context"
	"maps"
	"slices"

	"github.com/parley-server/parley"
)

var _ parley.Outbox = (*Handle)(nil)

// PutUnfinished implements parley.Outbox.
func (h *Handle) PutUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return h.write(ctx, func(s *Store) error {
		if s.unfinished[node] == nil {
			s.unfinished[node] = map[parley.ChannelID]struct{}{}
		}
		for _, channel := range channels {
			s.unfinished[node][channel] = struct{}{}
		}
		return nil
	})
}

// RemoveUnfinished implements parley.Outbox.
func (h *Handle) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return h.write(ctx, func(s *Store) error {
		for _, channel := range channels {
			delete(s.unfinished[node], channel)
		}
		if len(s.unfinished[node]) == 0 {
			delete(s.unfinished, node)
		}
		return nil
	})
}

// Unfinished implements parley.Outbox.
func (h *Handle) Unfinished(ctx context.Context, node string, after parley.ChannelID, limit int) (all []parley.ChannelID, err error) {
	err = h.read(ctx, func(s *Store) error {
		for _, channel := range slices.Sorted(maps.Keys(s.unfinished[node])) {
			if channel > after && len(all) < limit {
				all = append(all, channel)
			}
		}
		return nil
	})
	return all, err
}

// UnfinishedNodes implements parley.Outbox.
func (h *Handle) UnfinishedNodes(ctx context.Context) (all []string, err error) {
	err = h.read(ctx, func(s *Store) error {
		all = slices.Sorted(maps.Keys(s.unfinished))
		return nil
	})
	return all, err
}
