package redis

import (
	"context"
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/parley-server/parley"
)

// Presence implements parley.Presence. All of it is in one slot of a Cluster: one script sees all nodes and
// places (presence.lua). The next call by any node notices a lease that has ended, and removes what its node
// held.
type Presence struct {
	// fixed after construction
	client rueidis.Client
	prefix string
}

var _ parley.Presence = (*Presence)(nil)

// maxSeen is for how many absent users the last sighting is kept: about 10 MB.
const maxSeen = 100_000

//go:embed lua/presence.lua
var presenceLua string

//go:embed lua/presence_beat.lua
var presenceBeatLua string

var (
	beatScript   = rueidis.NewLuaScript(presenceLua + presenceBeatLua)
	onlineScript = rueidis.NewLuaScript(presenceLua + `
local answer = {}
for i, user in ipairs(ARGV) do
  local stays = redis.call('HVALS', p .. 'at:\0' .. user)
  for _, stay in ipairs(stays) do
    answer[i] = (stay ~= 'hidden' or answer[i] == 'visible') and 'visible' or 'hidden'
  end
  if #stays == 0 then
    answer[i] = redis.call('ZSCORE', p .. 'seen', user) or '0'
  end
end
return answer`)
	hereScript = rueidis.NewLuaScript(presenceLua + `
local channel, limit = ARGV[1], tonumber(ARGV[2])
local answer = {redis.call('ZCARD', p .. 'in:' .. channel)}
if limit > 0 then
  for _, user in ipairs(redis.call('ZRANGE', p .. 'in:' .. channel, 0, limit - 1)) do
    answer[#answer + 1] = {user, unpack(redis.call('HVALS', p .. 'at:' .. channel .. '\0' .. user))}
  end
end
return answer`)
	endScript = rueidis.NewLuaScript(presenceLua + `
if redis.call('ZSCORE', p .. 'nodes', ARGV[1]) then
  finish(ARGV[1])
end
return 0`)
	reapScript = rueidis.NewLuaScript(presenceLua + `
local ended, answer = redis.call('HGETALL', p .. 'ended'), {}
redis.call('DEL', p .. 'ended')
for i = 1, #ended, 2 do
  if redis.call('EXISTS', p .. 'at:' .. ended[i]) == 0 then
    answer[#answer + 1] = ended[i]
    answer[#answer + 1] = ended[i + 1]
  end
end
return answer`)
)

// OpenPresence connects to a presence store.
func OpenPresence(ctx context.Context, cfg Config) (*Presence, error) {
	c, err := open(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	return &Presence{client: c, prefix: cfg.Prefix + "{presence}:"}, nil
}

// Close closes the connections.
func (p *Presence) Close() error {
	p.client.Close()
	return nil
}

func (p *Presence) exec(ctx context.Context, script *rueidis.Lua, args ...string) (r rueidis.RedisResult) {
	_ = retried(ctx, func() error {
		r = script.Exec(ctx, p.client, scriptKeys(p.prefix), args)
		return r.Error()
	})()
	return r
}

// Beat implements parley.Presence.
func (p *Presence) Beat(ctx context.Context, b parley.Beat) (parley.Lease, error) {
	args := make([]string, 0, 4+5*len(b.Changes))
	args = append(args, b.Node, strconv.FormatInt(b.TTL.Microseconds(), 10), flag(b.All), strconv.Itoa(maxSeen))
	for _, c := range b.Changes {
		stay := strconv.FormatInt(int64(c.Since), 10) + " " + strconv.Itoa(int(c.Transports))
		if c.Channel == "" && c.Hidden {
			stay = "hidden"
		}
		args = append(args, string(c.User), string(c.Channel), flag(c.Here), stay, strconv.FormatInt(int64(c.Seen), 10))
	}
	ns, err := p.exec(ctx, beatScript, args...).AsIntSlice()
	if err != nil || len(ns) != 2+len(b.Changes) {
		return parley.Lease{}, fmt.Errorf("beat of node %s: %w", b.Node, unexpected(err))
	}
	l := parley.Lease{Known: ns[0] == 1, Others: int(ns[1]), Elsewhere: make([]bool, len(b.Changes))}
	for i := range l.Elsewhere {
		l.Elsewhere[i] = ns[2+i] == 1
	}
	return l, nil
}

// Online implements parley.Presence.
func (p *Presence) Online(ctx context.Context, users ...parley.UserID) ([]parley.OnlineStatus, error) {
	args := make([]string, len(users))
	for i, u := range users {
		args[i] = string(u)
	}
	found, err := p.exec(ctx, onlineScript, args...).AsStrSlice()
	if err != nil || len(found) != len(users) {
		return nil, fmt.Errorf("who is online: %w", unexpected(err))
	}
	all := make([]parley.OnlineStatus, len(users))
	for i, is := range found {
		all[i] = parley.OnlineStatus{User: users[i], Online: is == "visible" || is == "hidden", Visible: is == "visible"}
		if !all[i].Online {
			if all[i].Seen, err = timestamp(is); err != nil {
				return nil, fmt.Errorf("when %s was last seen: %w", users[i], err)
			}
		}
	}
	return all, nil
}

// Here implements parley.Presence.
func (p *Presence) Here(ctx context.Context, channel parley.ChannelID, limit int) (parley.Occupancy, error) {
	parts, err := p.exec(ctx, hereScript, string(channel), strconv.Itoa(limit)).ToArray()
	if err != nil || len(parts) == 0 {
		return parley.Occupancy{}, fmt.Errorf("who is in %s: %w", channel, unexpected(err))
	}
	count, err := parts[0].AsInt64()
	here := parley.Occupancy{Count: int(count)}
	for _, part := range parts[1:] {
		var stays []string
		if err == nil {
			stays, err = part.AsStrSlice()
		}
		if err != nil || len(stays) < 2 {
			return parley.Occupancy{}, fmt.Errorf("who is in %s: %w", channel, unexpected(err))
		}
		o := parley.Occupant{User: parley.UserID(stays[0])}
		for i, stay := range stays[1:] {
			since, transports, _ := strings.Cut(stay, " ")
			at, err1 := timestamp(since)
			ts, err2 := strconv.ParseUint(transports, 10, 8)
			if err1 != nil || err2 != nil {
				return parley.Occupancy{}, fmt.Errorf("stay of %s in %s: %w", o.User, channel, errAnswer)
			}
			if i == 0 || at < o.Since {
				o.Since = at
			}
			o.Transports |= parley.Transports(ts)
		}
		here.Users = append(here.Users, o)
	}
	return here, err
}

// EndLease implements parley.Presence.
func (p *Presence) EndLease(ctx context.Context, node string) error {
	if err := p.exec(ctx, endScript, node).Error(); err != nil {
		return fmt.Errorf("end the lease of node %s: %w", node, err)
	}
	return nil
}

// Reap implements parley.Presence.
func (p *Presence) Reap(ctx context.Context) (gone []parley.Gone, err error) {
	pairs, err := p.exec(ctx, reapScript).AsStrSlice()
	if err != nil {
		return nil, fmt.Errorf("reap nodes whose leases have ended: %w", err)
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		channel, user, _ := strings.Cut(pairs[i], "\x00")
		at, err := timestamp(pairs[i+1])
		if err != nil {
			return nil, fmt.Errorf("reap nodes whose leases have ended: %w", err)
		}
		gone = append(gone, parley.Gone{User: parley.UserID(user), Channel: parley.ChannelID(channel), Seen: at})
	}
	return gone, nil
}

func flag(v bool) string {
	if v {
		return "1"
	}
	return "0"
}
