package redis

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/rueidis"
)

// First implements parley.Once.
func (s *Store) First(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	set := s.client.B().Set().Key(s.prefix + "once:" + key).Value("").Nx().Px(ttl).Build()
	switch err := s.do(ctx, set).Error(); {
	case err == nil:
		return true, nil
	case rueidis.IsRedisNil(err):
		return false, nil
	default:
		return false, fmt.Errorf("use a key once: %w", err)
	}
}
