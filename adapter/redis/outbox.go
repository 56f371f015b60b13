package redis

import (
	"context"
	"fmt"
	"slices"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

var _ parley.NotingOutbox = (*Store)(nil)

// noteLua has note, which notes a channel of a node. All notes are in one slot, in keys whose names key begins: nodes is a set of
// the nodes that have channels, of:NODE a sorted set of a node's channels.
const noteLua = `
local function note(key, node, channel)
  redis.call('SADD', key .. 'nodes', node)
  redis.call('ZADD', key .. 'of:' .. node, 0, channel)
end
`

var (
	putUnfinished = rueidis.NewLuaScript(noteLua + `
for i = 2, #ARGV do
  note(KEYS[1], ARGV[1], ARGV[i])
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

// AppendNoted implements parley.NotingOutbox. In a Cluster the note, which is in another slot, comes first.
func (s *Store) AppendNoted(ctx context.Context, node string, channel parley.ChannelID, drafts ...parley.Draft) []parley.Result {
	changes := slices.ContainsFunc(drafts, func(d parley.Draft) bool { return d.Change != nil })
	if !s.appends.alone && !changes {
		return s.append(ctx, node, channel, drafts)
	}
	if err := s.PutUnfinished(ctx, node, channel); err != nil {
		results := make([]parley.Result, len(drafts))
		for i := range results {
			results[i].Err = fmt.Errorf("append to %s: %w: %w", channel, parley.ErrUnavailable, err)
		}
		return results
	}
	return s.append(ctx, "", channel, drafts)
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
