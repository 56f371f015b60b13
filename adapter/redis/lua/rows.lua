-- raw is an entry as it is kept, and the state that is read with it.
local function raw(id)
  local e = redis.call('HGET', k .. 'log', name_of(id))
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
    if e and e.key ~= '' and redis.call('HGET', k .. 'log', e.key) == pack('>d', id) then
      redis.call('HDEL', k .. 'log', e.key)
    end
    if e and e.root ~= 0 then
      redis.call('ZREM', k .. 't:' .. text(e.root), n)
      redis.call('ZREM', k .. 'd:' .. text(e.root), n)
    end
    forget_names(id)
    redis.call('HDEL', k .. 'log', name_of(id))
    redis.call('HDEL', k .. 'now', n)
    redis.call('HDEL', k .. 'states', n)
    redis.call('DEL', k .. 'r:' .. n, k .. 't:' .. n, k .. 'd:' .. n)
  end
  first = to
  redis.call('ZREMRANGEBYSCORE', k .. 'deleted', '-inf', text(first - 1))
  save()
end

-- retain trims what the channel does not keep, at most some entries.
local function retain(some)
  local to, most = first, math.min(first + some, last + 1)
  if over() then
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
local noted = false
local function todo(what, is_in)
  noted = true
  local version = redis.call('HINCRBY', k .. 'meta', 'version', 1)
  local members = redis.call('HGET', k .. 'meta', 'members') or '0'
  redis.call('HSET', k .. 'todo', what, text(version) .. ' ' .. is_in .. ' ' .. members)
end

-- list has the list of channels name this one.
local function list()
  if listed == 0 then
    listed = 1
    todo('c', '1')
    return true
  end
end

local outside = {['-'] = true, restricted = true, banned = true}

-- member_of reads a user's row. One from before a removal of the channel is that of a user who has left.
local function member_of(row)
  if row then
    local read, c, joined, left, at, mute, from = unpacked('>dddddB', row)
    if at == removals then
      return {role = sub(row, from), read = read, count = c, joined = joined, left = left, mute = mute}
    end
  end
  return {role = '-', read = 0, count = 0, joined = 0, left = removals > 0 and removed or -1, mute = 0}
end

local function member(user) return member_of(redis.call('HGET', k .. 'log', '\1' .. user)) end

local function row(m) return pack('>dddddB', m.read, m.count, m.joined, m.left, removals, m.mute) .. m.role end

-- described is a row as nodes are given it.
local function described(m)
  return string.format('%s %.0f %.0f %.0f %d %.0f', m.role, m.read, m.count, m.joined, m.mute, m.left)
end

-- moved notes a coming or going.
local function moved(user, was, m)
  if outside[was.role] ~= outside[m.role] then
    if outside[m.role] then
      redis.call('ZREM', k .. 'names', user)
      todo('u' .. user, '0')
    else
      redis.call('ZADD', k .. 'names', 0, user)
      todo('u' .. user, '1')
    end
  end
end

local function put_member(user, was, m)
  redis.call('HSET', k .. 'log', '\1' .. user, row(m))
  moved(user, was, m)
end

-- posted is the row of a message's author after it, whether they joined by it, and whether the row is another than before.
local function posted(row_was, joins)
  local m = member_of(row_was)
  local joined = joins and m.role == '-' and last > m.left
  if joined then
    m = {role = 'member', read = 0, count = 0, joined = time, left = 0, mute = 0}
  end
  local changed = not outside[m.role] and last > m.read
  if changed then
    m.read, m.count = last, count
  end
  return m, joined, changed
end

-- name notes whom a message names.
local function name(of, author, names)
  forget_names(of)
  if names == '' then
    return
  end
  for user in string.gmatch(names, '%S+') do
    if user == 'channel' then
      redis.call('ZADD', k .. 'a:' .. author, of, text(of))
    end
    if user ~= author then
      redis.call('ZADD', k .. 'm:' .. user, of, text(of))
    end
  end
  redis.call('HSET', k .. 'named', text(of), author .. ' ' .. names)
end
