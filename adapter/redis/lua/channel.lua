-- Channels. A channel's keys begin with its name in braces, its hash tag, so that all of them lie in one slot.
--   head       packed: version, id, time and count of the last entry; whether the list of channels names it, and if more is to be said
--              (2 more) the first id that is kept, the count below it, how many messages the settings keep how long (-1: they do not
--              say), how often the channel was removed and up to which id; then of each node its last batch (batch.lua)
--   log        hash: NUL id, packed -> version, time, count, whether deleted, of, root, length, packed, the key of that length, body
--                    user NUL key -> id, packed
--                    SOH user -> of a member read, count, time of joining, left, removals, mute, packed, and role
--   names      sorted set of the members
--   now        hash: id of a message -> id of its last change
--   states     hash: id of a change -> "id of the change before" SPACE the message after it; empty if it was deleted since
--   r:ID       sorted set: emoji NUL user
--   deleted    sorted set of ids;  named: hash id -> "author name name";  m:USER: sorted set of ids that name the user,
--              a:USER of the user's own that name everybody;  t:ROOT of replies, d:ROOT of those that are deleted
--   meta       hash: version (of todo), members (the kind), settings, revision (of the settings)
--   todo       hash: what lists in other slots are to say -> "version in members"
-- Numbers that are packed are doubles, exact up to 2^53.
local pack, unpacked, sub = struct.pack, struct.unpack, string.sub
local k, last, time, count, now
local listed, first, before, own_messages, own_seconds, removals, removed -- the rare part of the head
local records -- and the rest of it
local messages, seconds -- what is kept

local function text(n) return string.format('%.0f', n) end

local function over() return messages > 0 and last - first + 1 - messages > math.max(10, math.floor(messages / 10)) end

-- open makes a channel the one that all else here is about. messages and seconds are what is kept unless the settings say it.
local function open(key, head, default_messages, default_seconds)
  k = key
  if head then
    local version, rare
    version, last, time, count, rare = unpacked('>BdddB', head)
    if version ~= 1 then
      error('the channel was written by a later version')
    end
    if rare < 2 then
      listed, first, before, own_messages, own_seconds, removals, removed = rare, 1, 0, -1, -1, 0, 0
      records = sub(head, 27)
    else
      listed, first, before, own_messages, own_seconds, removals, removed = rare - 2, unpacked('>dddddd', head, 27)
      records = sub(head, 75)
    end
  else
    last, time, count, listed, first, before, own_messages, own_seconds, removals, removed = 0, 0, 0, 0, 1, 0, -1, -1, 0, 0
    records = ''
  end
  messages, seconds = default_messages, default_seconds
  if own_messages >= 0 then
    messages, seconds = own_messages, own_seconds
  end
end

-- hot is the part of the head that each entry changes, and what a batch is answered.
local function hot() return pack('>Bddd', 1, last, time, count) end

-- rare is the part of the head that seldom changes: one byte unless there is something to say.
local function rare()
  if first == 1 and own_messages < 0 and removals == 0 then
    return listed == 1 and '\1' or '\0'
  end
  return pack('>Bdddddd', listed + 2, first, before, own_messages, own_seconds, removals, removed)
end

local function save() redis.call('SET', k .. 'head', hot() .. rare() .. records) end

local function name_of(id) return pack('>Bd', 0, id) end

local function parse(e)
  local _, t, c, deleted, of, root, n = unpacked('>BddBddH', e)
  return {time = t, count = c, of = of, root = root, deleted = deleted == 1, key = sub(e, 37, 36 + n), body = sub(e, 37 + n)}
end

local function format(t, c, of, root, deleted, key, body)
  return pack('>BddBddH', 1, t, c, deleted, of, root, #key) .. key .. body
end

-- entry is an entry that the channel holds, or nil.
local function entry(id)
  if id < first or id > last then
    return nil
  end
  local e = redis.call('HGET', k .. 'log', name_of(id))
  return e and parse(e)
end
