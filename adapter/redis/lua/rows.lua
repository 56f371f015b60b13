-- What an append needs seldom.
-- raw is an entry as it is kept, and the state that is read with it.
local function raw(id)
  local e = redis.call('HGET', k .. 'log', text(id))
  if not e or id < first or id > last then
    return '', ''
  end
  local change = redis.call('HGET', k .. 'now', text(id)) or text(id)
  return e, redis.call('HGET', k .. 'states', change) or ''
end

local function count_at(id)
  if id < first then
    return before
  elseif id >= last then
    return count
  end
  return entry(id).count
end

-- forget_names removes what a message says of whom it names.
local function forget_names(id)
  local named = redis.call('HGET', k .. 'named', text(id))
  if named then
    for name in string.gmatch(named, '%S+') do
      redis.call('ZREM', k .. 'm:' .. name, text(id))
      redis.call('ZREM', k .. 'a:' .. name, text(id))
    end
    redis.call('HDEL', k .. 'named', text(id))
  end
end

-- trim removes the entries before one.
local function trim(to)
  if to <= first then
    return
  end
  before = count_at(to - 1)
  for id = first, to - 1 do
    local n, e = text(id), entry(id)
    if e and e.key ~= '' and redis.call('HGET', k .. 'keys', e.key) == n then
      redis.call('HDEL', k .. 'keys', e.key)
    end
    if e and e.root ~= 0 then
      redis.call('ZREM', k .. 't:' .. text(e.root), n)
      redis.call('ZREM', k .. 'd:' .. text(e.root), n)
    end
    forget_names(id)
    redis.call('HDEL', k .. 'log', n)
    redis.call('HDEL', k .. 'now', n)
    redis.call('HDEL', k .. 'states', n)
    redis.call('DEL', k .. 'r:' .. n, k .. 't:' .. n, k .. 'd:' .. n)
  end
  first = to
  redis.call('ZREMRANGEBYSCORE', k .. 'deleted', '-inf', text(first - 1))
  redis.call('HSET', k .. 'meta', 'first', text(first), 'before', text(before))
end

-- retain trims what the channel does not keep, at most some entries.
local function retain(some)
  local to, most = first, math.min(first + some, last + 1)
  if over then
    to = last - messages + 1
  end
  if seconds > 0 then
    local oldest = now - seconds * 1000000
    while to < most do
      local e = entry(to)
      if e and e.time >= oldest then
        break
      end
      to = to + 1
    end
  end
  trim(math.min(to, most))
end

-- todo notes what a list in another slot is to say, in or not.
local function todo(what, is_in)
  local version = redis.call('HINCRBY', k .. 'meta', 'version', 1)
  local members = redis.call('HGET', k .. 'meta', 'members') or '0'
  redis.call('HSET', k .. 'todo', what, text(version) .. ' ' .. is_in .. ' ' .. members)
end

local function listed()
  if redis.call('HGET', k .. 'meta', 'listed') ~= '1' then
    redis.call('HSET', k .. 'meta', 'listed', '1')
    todo('c', '1')
  end
end

local function outsider(role) return role == '-' or role == 'restricted' or role == 'banned' end

-- member is a user's row.
local function member(user)
  local row = redis.call('HGET', k .. 'members', user)
  if not row then
    return {role = '-', read = 0, count = 0, joined = 0, muted = '0', left = -1}
  end
  local role, read, c, joined, muted, left = string.match(row, '^(%S+) (%d+) (%d+) (%d+) (%d) (%-?%d+)$')
  return {role = role, read = tonumber(read), count = tonumber(c), joined = tonumber(joined), muted = muted, left = tonumber(left)}
end

local function row(m)
  return m.role .. ' ' .. text(m.read) .. ' ' .. text(m.count) .. ' ' .. text(m.joined) .. ' ' .. m.muted .. ' ' .. text(m.left)
end

-- put_member writes a user's row, and notes a coming or going.
local function put_member(user, was, m)
  redis.call('HSET', k .. 'members', user, row(m))
  if outsider(was.role) ~= outsider(m.role) then
    if outsider(m.role) then
      redis.call('ZREM', k .. 'names', user)
      todo('u' .. user, '0')
    else
      redis.call('ZADD', k .. 'names', 0, user)
      todo('u' .. user, '1')
    end
  end
end
