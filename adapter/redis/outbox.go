package redis

import (
	"context"
	"fmt"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

var _ parley.Outbox = (*Store)(nil)

// All open lists are in one slot: nodes is a set of the nodes that have channels, of:NODE a sorted set of a
// node's channels.
var (
	putUnfinished = rueidis.NewLuaScript(`
redis.call('SADD', KEYS[1] .. 'nodes', ARGV[1])
for i = 2, #ARGV do
  redis.call('ZADD', KEYS[1] .. 'of:' .. ARGV[1], 0, ARGV[i])
end
return 0`)
	removeUnfinished = rueidis.NewLuaScript(`
local of = KEYS[1] .. 'of:' .. ARGV[1]
for i = 2, #ARGV do
  redis.call('ZREM', of, ARGV[i])
end
if redis.call('EXISTS', of) == 0 then
  redis.call('SREM', KEYS[1] .. 'nodes', ARGV[1])
end
return 0`)
)

func (s *Store) outbox() string { return s.prefix + "{unfinished}:" }

// PutUnfinished implements parley.Outbox.
func (s *Store) PutUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return s.changeUnfinished(ctx, putUnfinished, "note", node, channels)
}

// RemoveUnfinished implements parley.Outbox.
func (s *Store) RemoveUnfinished(ctx context.Context, node string, channels ...parley.ChannelID) error {
	return s.changeUnfinished(ctx, removeUnfinished, "forget", node, channels)
}

func (s *Store) changeUnfinished(ctx context.Context, script *rueidis.Lua, what, node string, channels []parley.ChannelID) error {
	if len(channels) == 0 {
		return ctx.Err()
	}
	args := []string{node}
	for _, c := range channels {
		args = append(args, string(c))
	}
	if err := s.exec(ctx, script, s.outbox(), args...).Error(); err != nil {
		return fmt.Errorf("%s channels that node %s has not projected: %w", what, node, err)
	}
	return nil
}

// Unfinished implements parley.Outbox.
func (s *Store) Unfinished(ctx context.Context, node string, after parley.ChannelID, limit int) ([]parley.ChannelID, error) {
	all, err := s.names(ctx, s.outbox()+"of:"+node, string(after), limit)
	if err != nil {
		return nil, fmt.Errorf("channels that node %s has not projected: %w", node, err)
	}
	return channelsOf(all), nil
}

// UnfinishedNodes implements parley.Outbox.
func (s *Store) UnfinishedNodes(ctx context.Context) ([]string, error) {
	all, err := s.do(ctx, s.client.B().Smembers().Key(s.outbox()+"nodes").Build()).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("nodes that have not projected: %w", err)
	}
	return all, nil
}

// names returns at most limit members of a sorted set of names, in their order, after the given
// one.
func (s *Store) names(ctx context.Context, key, after string, limit int) ([]string, error) {
	if limit <= 0 {
		return nil, ctx.Err()
	}
	from := "-"
	if after != "" {
		from = "(" + after
	}
	return s.do(ctx, s.client.B().Zrangebylex().Key(key).Min(from).Max("+").Limit(0, int64(limit)).Build()).AsStrSlice()
}

func channelsOf(names []string) (all []parley.ChannelID) {
	for _, name := range names {
		all = append(all, parley.ChannelID(name))
	}
	return all
}
