-- A batch of a node: ARGV[2] is the node, ARGV[3] the number of the batch. A batch that was made is answered as it was
-- then, and one that a later one of the node has overtaken is refused, so that a node can send a batch again.
local batch = tonumber(ARGV[3])
if meta[9] then
  local number, answer = string.match(meta[9], '^(%d+) %d+ (.*)$')
  if tonumber(number) == batch then
    return answer
  elseif tonumber(number) > batch then
    return 'late'
  end
end

local function add(of, root, key, body)
  last, time = last + 1, math.max(now, time + 1)
  redis.call('HSET', k .. 'log', last, format(time, count, of, root, '0', key, body))
end

-- made ends the batch. Redis writes numbers up to 2^53 in full. Now and then it forgets nodes that were silent for an hour.
local function made(answer)
  redis.call('HSET', k .. 'meta', 'last', last, 'time', time, 'count', count, 'n:' .. ARGV[2], ARGV[3] .. ' ' .. text(now) .. ' ' .. answer)
  if batch % 256 == 0 then
    local all = redis.call('HGETALL', k .. 'meta')
    for i = 1, #all, 2 do
      if string.sub(all[i], 1, 2) == 'n:' and tonumber(string.match(all[i + 1], '^%d+ (%d+)')) < now - 3600000000 then
        redis.call('HDEL', k .. 'meta', all[i])
      end
    end
  end
  return answer
end
