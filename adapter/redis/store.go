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
	o, err := cfg.options()
	if err != nil {
		return nil, err
	}
	c, err := dial(ctx, o)
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

// do makes a call unless ctx has ended: then nothing is sent.
func (s *Store) do(ctx context.Context, c rueidis.Completed) rueidis.RedisResult {
	return s.client.Do(ctx, c)
}
