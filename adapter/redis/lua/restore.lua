-- ARGV[2…]: the entry before the first that is kept: id, count, time; then of each entry: id, time, count, whether deleted, of, root, key
-- (user NUL key, or empty), body, of a change the message after it (empty: it was deleted), of a message its author and the names it
-- names, how many reacted, and each of them (emoji NUL user). The answer: the last entry, or nothing if there is a gap.
local at = 5
if last == 0 then
  last, count, time = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
  first, before = last + 1, count
end
while at <= #ARGV do
  local id, n = tonumber(ARGV[at]), tonumber(ARGV[at + 11])
  if id > last + 1 then
    save()
    return ''
  elseif id == last + 1 then
    local deleted, of, root = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
    local key, body, state, author, names = unpack(ARGV, at + 6, at + 10)
    last, time, count = id, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
    redis.call('HSET', k .. 'log', name_of(id), format(time, count, of, root, deleted, key, body))
    if of == 0 then
      if key ~= '' then
        redis.call('HSET', k .. 'log', key, pack('>d', id))
      end
      if root ~= 0 then
        redis.call('ZADD', k .. 't:' .. text(root), id, text(id))
        if deleted == 1 then
          redis.call('ZADD', k .. 'd:' .. text(root), id, text(id))
        end
      end
      if deleted == 1 then
        redis.call('ZADD', k .. 'deleted', id, text(id))
      else
        name(id, author, names)
      end
      for i = 1, n do
        redis.call('ZADD', k .. 'r:' .. text(id), 0, ARGV[at + 11 + i])
      end
    elseif of >= first then
      local was = redis.call('HGET', k .. 'now', text(of)) or '0'
      redis.call('HSET', k .. 'states', text(id), was .. ' ' .. state)
      redis.call('HSET', k .. 'now', text(of), text(id))
    end
    list()
  end
  at = at + 12 + n
end
save()
return text(last)
