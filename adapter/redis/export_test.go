package redis

import "context"

// Sweep is what Run does every minute.
func (s *Store) Sweep(ctx context.Context) error { return s.sweep(ctx) }
