-- ARGV[2…]: root or one of its replies, after (or -), before (or -), limit. The answer: root, its entry and state, how many
-- replies there are, and of each its id, entry and state.
local root = tonumber(ARGV[2])
local e = entry(root)
if e and e.of == 0 and e.root ~= 0 then
  root = e.root
  e = entry(root)
end
local answer = {text(root)}
answer[2], answer[3] = raw(root)
if not e or e.of ~= 0 then
  answer[2], answer[3] = '', ''
end
local t = k .. 't:' .. text(root)
answer[4] = answer[2] == '' and '0' or text(redis.call('ZCARD', t) - redis.call('ZCARD', k .. 'd:' .. text(root)))
local ids, limit = {}, tonumber(ARGV[5])
if limit > 0 and ARGV[3] ~= '-' then
  ids = redis.call('ZRANGEBYSCORE', t, '(' .. ARGV[3], '+inf', 'LIMIT', 0, limit)
elseif limit > 0 then
  local to = ARGV[4] ~= '-' and '(' .. ARGV[4] or '+inf'
  local back = redis.call('ZREVRANGEBYSCORE', t, to, '-inf', 'LIMIT', 0, limit)
  for i = #back, 1, -1 do
    ids[#ids + 1] = back[i]
  end
end
for _, id in ipairs(ids) do
  local entry_of, state = raw(tonumber(id))
  if entry_of ~= '' then
    answer[#answer + 1] = id
    answer[#answer + 1] = entry_of
    answer[#answer + 1] = state
  end
end
return answer
