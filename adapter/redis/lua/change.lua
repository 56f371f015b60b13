-- ARGV[2…]: the node, the number of the batch, of, the change from which this one was made (0: none), body, state, what is
-- left of a deleted message (empty: it is not deleted), reaction (emoji NUL user, or empty), whether it is taken back; of an edit the
-- author of the message and the names it names, else ? and nothing.
local of, version = tonumber(ARGV[4]), ARGV[5]
local e = entry(of)
local given = made(ARGV[2], ARGV[3])
if given then
  save() -- WAIT waits for what the connection has written
  return given
end
local refused = (not e or e.of ~= 0) and 3 or (redis.call('HGET', k .. 'now', ARGV[4]) or '0') ~= version and 4
if refused then
  local answer = hot() .. exception(0, refused, 0)
  redis.call('SET', KEYS[2], headed(ARGV[2], ARGV[3], answer))
  return answer
end
last, time = last + 1, math.max(now, time + 1)
redis.call('HSET', k .. 'log', name_of(last), format(time, count, of, 0, 0, '', ARGV[6]))
redis.call('HSET', k .. 'states', text(last), version .. ' ' .. ARGV[7])
redis.call('HSET', k .. 'now', ARGV[4], text(last))
if ARGV[8] ~= '' then
  redis.call('HSET', k .. 'log', name_of(of), format(e.time, e.count, 0, e.root, 1, e.key, ARGV[8]))
  redis.call('DEL', k .. 'r:' .. ARGV[4])
  redis.call('ZADD', k .. 'deleted', of, ARGV[4])
  if e.root ~= 0 then
    redis.call('ZADD', k .. 'd:' .. text(e.root), of, ARGV[4])
  end
  forget_names(of)
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
if ARGV[11] ~= '?' then
  name(of, ARGV[11], ARGV[12])
end
local answer = hot()
redis.call('SET', KEYS[2], headed(ARGV[2], ARGV[3], answer))
return answer
