-- One channel. KEYS[1] begins the names of all that belongs to it; its hash tag is the channel, so that all lies in
-- one slot. ARGV[1] is "time messages seconds": the time in microseconds, or nothing for this server's, and how many
-- messages are kept how long unless the settings say so (0: all).
--   meta       hash: last, time, count, first, before (the count below first), pos, version, listed, members (the kind),
--              messages and seconds (retention), settings, revision (of the settings)
--   log        hash: id -> "time count of root deleted length:" key body
--   keys       hash: user NUL key -> id
--   now        hash: id of a message -> id of its last change
--   states     hash: id of a change -> "id of the change before" SPACE the message after it; empty if it was deleted since
--   r:ID       sorted set: emoji NUL user
--   nodes      hash: node -> "number of its last batch" SPACE seconds SPACE what it was answered
--   deleted    sorted set of ids;  named: hash id -> "author name name";  m:USER: sorted set of ids that name the user,
--              a:USER of the user's own that name everybody;  t:ROOT of replies, d:ROOT of those that are deleted
--   members    hash: user -> "role read count joined muted left";  names: sorted set of the members
--   todo       hash: what lists in other slots are to say -> "version in members"
local k = KEYS[1]

local function text(n) return string.format('%.0f', n) end

local now_given, messages_given, seconds_given = string.match(ARGV[1], '^(%d*) (%d+) (%d+)$')

local function clock()
  if now_given ~= '' then
    return tonumber(now_given)
  end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end

local meta = redis.call('HMGET', k .. 'meta', 'last', 'time', 'count', 'first', 'before', 'pos', 'messages', 'seconds')
local last, time, count = tonumber(meta[1] or 0), tonumber(meta[2] or 0), tonumber(meta[3] or 0)
local first, before = tonumber(meta[4] or 1), tonumber(meta[5] or 0)
local function position() return math.max(tonumber(meta[6] or 0), first - 1) end

local function parse(e)
  local t, c, of, root, deleted, n, at = string.match(e, '^(%d+) (%d+) (%d+) (%d+) (%d) (%d+):()')
  return {time = tonumber(t), count = tonumber(c), of = tonumber(of), root = tonumber(root), deleted = deleted == '1',
    key = string.sub(e, at, at + n - 1), body = string.sub(e, at + n)}
end

local function format(t, c, of, root, deleted, key, body)
  return text(t) .. ' ' .. text(c) .. ' ' .. text(of) .. ' ' .. text(root) .. ' ' .. deleted .. ' ' .. #key .. ':' .. key .. body
end

-- entry is an entry that the channel holds, or nil.
local function entry(id)
  if id < first or id > last then
    return nil
  end
  local e = redis.call('HGET', k .. 'log', text(id))
  return e and parse(e)
end

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
  local messages, seconds = tonumber(meta[7] or messages_given), tonumber(meta[8] or seconds_given)
  local to, most = first, math.min(first + some, last + 1)
  if messages > 0 and last - first + 1 - messages > math.max(10, math.floor(messages / 10)) then
    to = last - messages + 1
  end
  if seconds > 0 then
    local oldest = clock() - seconds * 1000000
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
