-- ARGV[2…]: user, read pointer, its count. The answer: first, last, unread, mentions.
local user, base, c = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
if base < first - 1 then
  base, c = first - 1, before
end
if base >= last then
  return {first, last, 0, 0}
end
local from = '(' .. text(base)
local unread = count - c - redis.call('ZCOUNT', k .. 'deleted', from, '+inf')
local own, named, mentions = {}, {}, 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', k .. 'a:' .. user, from, '+inf')) do
  own[id] = true
end
for _, list in ipairs({'m:' .. user, 'm:channel'}) do
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', k .. list, from, '+inf')) do
    if not named[id] and not own[id] then
      named[id] = true
      mentions = mentions + 1
    end
  end
end
unread = math.max(unread, 0)
return {first, last, unread, math.min(mentions, unread)}
