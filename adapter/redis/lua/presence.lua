-- Who is on which node. KEYS[1] begins all names here; it has a hash tag, so that they lie in one slot.
--   nodes       sorted set: node -> when its lease ends, in microseconds by this server's clock
--   beats       hash: node -> its last beat
--   held:NODE   set of places; a place is channel NUL user, and NUL user for who is online
--   at:PLACE    hash: node -> "since transports", or "hidden"
--   in:CHANNEL  sorted set of the users in it, each once, in the order of their names
--   seen        sorted set: user -> the last sign of who is gone
--   ended       hash: place -> the last beat of the node that held it; what Reap returns
local p = KEYS[1]
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

local function text(n) return string.format('%.0f', n) end

local function split(place)
  local nul = string.find(place, '\0', 1, true)
  return string.sub(place, 1, nul - 1), string.sub(place, nul + 1)
end

local function note(user, at)
  if tonumber(at) > 0 then
    redis.call('ZADD', p .. 'seen', 'GT', at, user)
  end
end

local function remove(node, channel, user)
  local place = channel .. '\0' .. user
  redis.call('SREM', p .. 'held:' .. node, place)
  if redis.call('HDEL', p .. 'at:' .. place, node) == 1 and channel ~= '' and redis.call('EXISTS', p .. 'at:' .. place) == 0 then
    redis.call('ZREM', p .. 'in:' .. channel, user)
  end
end

-- clear removes what a node holds and returns its places.
local function clear(node)
  local places = redis.call('SMEMBERS', p .. 'held:' .. node)
  for _, place in ipairs(places) do
    remove(node, split(place))
  end
  return places
end

-- finish ends a node's lease; its last beat was the last sign of its users.
local function finish(node)
  local at = redis.call('HGET', p .. 'beats', node) or text(now)
  for _, place in ipairs(clear(node)) do
    local channel, user = split(place)
    if channel == '' then
      note(user, at)
    end
    redis.call('HSET', p .. 'ended', place, at)
  end
  redis.call('ZREM', p .. 'nodes', node)
  redis.call('HDEL', p .. 'beats', node)
end

for _, node in ipairs(redis.call('ZRANGEBYSCORE', p .. 'nodes', '-inf', text(now))) do
  finish(node)
end
