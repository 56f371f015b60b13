package redis

import (
	"context"

	"github.com/redis/rueidis"
)

// Store is one node's way into a store in Redis.
type Store struct {
	// fixed after construction
	client rueidis.Client
	prefix string
}

// Open connects to a store.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	c, err := open(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	return &Store{client: c, prefix: cfg.Prefix}, nil
}

// Close ends the connections.
func (s *Store) Close() error {
	s.client.Close()
	return nil
}
