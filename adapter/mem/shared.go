package mem

import (
	"context"
	"fmt"
	"time"

	"github.com/parley-server/parley"
)

// A Handle's Presence and Once are the store's, and fail like its other calls.

// beside calls do, which does its own locking, unless the handle has a fault.
func (h *Handle) beside(ctx context.Context, write bool, do func(s *Store) error) error {
	err := h.admit(ctx, write)
	if err != nil && err != errUnanswered {
		return err
	}
	if done := do(h.store); err == nil {
		return done
	}
	return fmt.Errorf("%w: the answer was lost", parley.ErrUnknown)
}

// Beat implements parley.Presence.
func (h *Handle) Beat(ctx context.Context, b parley.Beat) (l parley.Lease, err error) {
	err = h.beside(ctx, true, func(s *Store) (err error) { l, err = s.presence.Beat(ctx, b); return err })
	return l, err
}

// Online implements parley.Presence.
func (h *Handle) Online(ctx context.Context, users ...parley.UserID) (all []parley.OnlineStatus, err error) {
	err = h.beside(ctx, false, func(s *Store) (err error) { all, err = s.presence.Online(ctx, users...); return err })
	return all, err
}

// Here implements parley.Presence.
func (h *Handle) Here(ctx context.Context, channel parley.ChannelID, limit int) (o parley.Occupancy, err error) {
	err = h.beside(ctx, false, func(s *Store) (err error) { o, err = s.presence.Here(ctx, channel, limit); return err })
	return o, err
}

// EndLease implements parley.Presence.
func (h *Handle) EndLease(ctx context.Context, node string) error {
	return h.beside(ctx, true, func(s *Store) error { return s.presence.EndLease(ctx, node) })
}

// Reap implements parley.Presence.
func (h *Handle) Reap(ctx context.Context) (gone []parley.Gone, err error) {
	err = h.beside(ctx, true, func(s *Store) (err error) { gone, err = s.presence.Reap(ctx); return err })
	if err != nil {
		return nil, err
	}
	return gone, nil
}

// First implements parley.Once.
func (h *Handle) First(ctx context.Context, key string, ttl time.Duration) (first bool, err error) {
	err = h.beside(ctx, true, func(s *Store) (err error) { first, err = s.once.First(ctx, key, ttl); return err })
	return first && err == nil, err
}
