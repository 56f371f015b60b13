-- ARGV[4…]: of, the change from which this one was made (0: none), body, state, what is left of a deleted message (empty:
-- it is not deleted), reaction (emoji NUL user, or empty), whether it is taken back.
-- status: 0 stored, 3 no such message, 4 changed meanwhile.
local of, version = tonumber(ARGV[4]), ARGV[5]
local e = entry(of)
if not e or e.of ~= 0 then
  return made('3 0 0 0 0')
elseif (redis.call('HGET', k .. 'now', ARGV[4]) or '0') ~= version then
  return made('4 0 0 0 0')
end
add(of, 0, '', ARGV[6])
redis.call('HSET', k .. 'states', text(last), version .. ' ' .. ARGV[7])
redis.call('HSET', k .. 'now', ARGV[4], text(last))
if ARGV[8] ~= '' then
  redis.call('HSET', k .. 'log', ARGV[4], format(e.time, e.count, 0, e.root, '1', e.key, ARGV[8]))
  redis.call('DEL', k .. 'r:' .. ARGV[4])
  local v = version
  while v ~= '0' do
    local state = redis.call('HGET', k .. 'states', v)
    local earlier = state and string.match(state, '^%d+') or '0'
    if state then
      redis.call('HSET', k .. 'states', v, earlier .. ' ')
    end
    v = earlier
  end
elseif ARGV[9] ~= '' then
  if ARGV[10] == '1' then
    redis.call('ZREM', k .. 'r:' .. ARGV[4], ARGV[9])
  else
    redis.call('ZADD', k .. 'r:' .. ARGV[4], 0, ARGV[9])
  end
end
return made('0 ' .. text(last) .. ' ' .. text(time) .. ' ' .. text(count) .. ' 0')
