-- ARGV: node, lease in microseconds, whether what was written is void, how many last signs are kept; then for
-- each change: user, channel, whether here, what at:PLACE has, last sign.
local node = ARGV[1]
local known = redis.call('ZSCORE', p .. 'nodes', node) and 1 or 0
if ARGV[3] == '1' then
  clear(node)
end
redis.call('ZADD', p .. 'nodes', text(now + ARGV[2]), node)
redis.call('HSET', p .. 'beats', node, text(now))
for i = 5, #ARGV, 5 do
  local user, channel = ARGV[i], ARGV[i + 1]
  if ARGV[i + 2] == '1' then
    local place = channel .. '\0' .. user
    redis.call('SADD', p .. 'held:' .. node, place)
    redis.call('HSET', p .. 'at:' .. place, node, ARGV[i + 3])
    if channel ~= '' then
      redis.call('ZADD', p .. 'in:' .. channel, 0, user)
    end
  else
    remove(node, channel, user)
    if channel == '' then
      note(user, ARGV[i + 4])
    end
  end
end
local over = redis.call('ZCARD', p .. 'seen') - ARGV[4]
if over > 0 then
  redis.call('ZREMRANGEBYRANK', p .. 'seen', 0, over - 1)
end
local answer = {known, redis.call('ZCARD', p .. 'nodes') - 1}
for i = 5, #ARGV, 5 do
  local at = p .. 'at:' .. ARGV[i + 1] .. '\0' .. ARGV[i]
  local others = redis.call('HLEN', at) - redis.call('HEXISTS', at, node)
  answer[#answer + 1] = others > 0 and 1 or 0
end
return answer
