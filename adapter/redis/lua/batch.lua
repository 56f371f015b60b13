-- A batch of a node: ARGV[2] is the node, ARGV[3] the number of the batch. A batch that was made is answered as it was
-- then, and one that a later one of the node has overtaken is refused, so that a node can send a batch again.
local kept = redis.call('HGET', k .. 'nodes', ARGV[2])
if kept then
  local number, answer = string.match(kept, '^(%d+) %d+ (.*)$')
  if tonumber(number) == tonumber(ARGV[3]) then
    return answer
  elseif tonumber(number) > tonumber(ARGV[3]) then
    return 'late'
  end
end

-- stamp is the time of the next entry.
local function stamp() return math.max(clock(), time + 1) end

local function add(t, of, root, key, body)
  last, time = last + 1, t
  redis.call('HSET', k .. 'log', text(last), format(t, count, of, root, '0', key, body))
end

-- made ends the batch. Nodes that were silent for an hour are forgotten.
local function made(answer)
  redis.call('HSET', k .. 'meta', 'last', text(last), 'time', text(time), 'count', text(count))
  local seconds = tonumber(redis.call('TIME')[1])
  redis.call('HSET', k .. 'nodes', ARGV[2], ARGV[3] .. ' ' .. seconds .. ' ' .. answer)
  if redis.call('HLEN', k .. 'nodes') > 32 then
    local all = redis.call('HGETALL', k .. 'nodes')
    for i = 1, #all, 2 do
      if tonumber(string.match(all[i + 1], '^%d+ (%d+)')) < seconds - 3600 then
        redis.call('HDEL', k .. 'nodes', all[i])
      end
    end
  end
  return answer
end
