-- One channel. KEYS[1] begins the names of all that belongs to it; its hash tag is the channel, so that all lies in
-- one slot. ARGV[1] is "time messages seconds": the time in microseconds, or nothing for this server's, and how many
-- messages are kept how long unless the settings say so (0: all).
--   meta       hash: last, time, count, first, before (the count below first), pos, version, listed, members (the kind),
--              messages and seconds (retention), settings, revision (of the settings);
--              n:NODE: "number of its last batch" SPACE time SPACE what it was answered
--   log        hash: id -> "time count of root deleted length:" key body
--   keys       hash: user NUL key -> id
--   now        hash: id of a message -> id of its last change
--   states     hash: id of a change -> "id of the change before" SPACE the message after it; empty if it was deleted since
--   r:ID       sorted set: emoji NUL user
--   deleted    sorted set of ids;  named: hash id -> "author name name";  m:USER: sorted set of ids that name the user,
--              a:USER of the user's own that name everybody;  t:ROOT of replies, d:ROOT of those that are deleted
--   members    hash: user -> "role read count joined muted left";  names: sorted set of the members
--   todo       hash: what lists in other slots are to say -> "version in members"
local k = KEYS[1]

local function text(n) return string.format('%.0f', n) end

local now_given, messages_given, seconds_given = string.match(ARGV[1], '^(%d*) (%d+) (%d+)$')

local now = tonumber(now_given)
if not now then
  now = redis.call('TIME')
  now = now[1] * 1000000 + now[2]
end

local meta = redis.call('HMGET', k .. 'meta', 'last', 'time', 'count', 'first', 'before', 'pos', 'messages', 'seconds',
  'n:' .. (ARGV[2] or ''))
local last, time, count = tonumber(meta[1] or 0), tonumber(meta[2] or 0), tonumber(meta[3] or 0)
local first, before = tonumber(meta[4] or 1), tonumber(meta[5] or 0)
local messages, seconds = tonumber(meta[7] or messages_given), tonumber(meta[8] or seconds_given)
local over = messages > 0 and last - first + 1 - messages > math.max(10, math.floor(messages / 10))

local function position() return math.max(tonumber(meta[6] or 0), first - 1) end

local function parse(e)
  local t, c, of, root, deleted, n, at = string.match(e, '^(%d+) (%d+) (%d+) (%d+) (%d) (%d+):()')
  return {time = tonumber(t), count = tonumber(c), of = tonumber(of), root = tonumber(root), deleted = deleted == '1',
    key = string.sub(e, at, at + n - 1), body = string.sub(e, at + n)}
end

local function format(t, c, of, root, deleted, key, body)
  return string.format('%.0f %.0f %.0f %.0f %s %d:', t, c, of, root, deleted, #key) .. key .. body
end

-- entry is an entry that the channel holds, or nil.
local function entry(id)
  if id < first or id > last then
    return nil
  end
  local e = redis.call('HGET', k .. 'log', text(id))
  return e and parse(e)
end
