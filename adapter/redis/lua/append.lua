-- Appends to several channels. KEYS are for each what begins the names of its keys, and its head. ARGV: the time in microseconds or
-- nothing for this server's, the node, where the lists are, as for settle, and what begins the names of notes, as for note, all three
-- empty if they are on other servers; then for each channel, packed, the number of its batch, how many messages are kept how long
-- unless the settings say so, how many drafts, 1 if anybody may find the channel, its name, and, if it must be noted, NUL and the
-- name of the node in notes; and for each draft its key (user NUL key, or empty), who (empty: a guest;
-- SOH user: one who joins by it; p user), the entry after its count, and more: empty, or r for a reply, else -, and the names it names.
now = tonumber(ARGV[1])
if not now then
  now = redis.call('TIME')
  now = now[1] * 1000000 + now[2]
end
local node = ARGV[2]

-- reply returns the message that a draft replies to (nil: there is none), and the draft with it.
local function reply(e)
  local root = unpacked('>d', e, 10)
  if root == 0 then
    return 0, e
  end
  local to = entry(root)
  if not to or to.of ~= 0 then
    return
  elseif to.root ~= 0 then
    return to.root, sub(e, 1, 9) .. pack('>d', to.root) .. sub(e, 18)
  end
  return root, e
end

-- author returns the row of a message's author after it, nil if it does not change, and whether they joined by it.
local function author(user, row_was, joins)
  if row_was then
    local read, _, _, _, at, _, from = unpacked('>dddddB', row_was)
    if at == removals and not outside[sub(row_was, from)] then -- as nearly always
      return last > read and pack('>dd', last, count) .. sub(row_was, 17)
    end
  elseif not joins then
    return
  end
  local m, joined, changed = posted(row_was, joins)
  if joined then
    moved(user, member_of(row_was), m)
  end
  return changed and row(m), joined
end

-- store_one is store of one draft from which no more follows, as most batches of many channels are.
local function store_one(at)
  local key, who, log = ARGV[at], ARGV[at + 1], k .. 'log'
  if sub(who, 1, 1) == 'p' or key == '' or who == '' or listed == 0 then
    return
  end
  local found = redis.call('HMGET', log, key, who)
  if found[1] or not found[2] then
    return
  end
  last, time, count = last + 1, math.max(now, time + 1), count + 1
  local row_is = author(nil, found[2], true)
  if not row_is then
    last, count = last - 1, count - 1
    return
  end
  local id = name_of(last)
  redis.call('HSET', log, id, pack('>Bdd', 1, time, count) .. ARGV[at + 2], key, sub(id, 2), who, row_is)
  return ''
end

-- known is what the channel has of the keys and authors of drafts.
local function known_of(from, to)
  local names, n, known = {}, 0, {}
  for at = from, to, 4 do
    local key, who = ARGV[at], ARGV[at + 1]
    if key ~= '' then
      n = n + 1
      names[n] = key
    end
    if who ~= '' then
      n = n + 1
      names[n] = sub(who, 1, 1) == 'p' and '\1' .. sub(who, 2) or who
    end
  end
  if n > 0 then
    local found = redis.call('HMGET', k .. 'log', unpack(names))
    for i = 1, n do
      known[names[i]] = found[i]
    end
  end
  return known
end

-- store stores drafts of a channel and what follows from them. It returns exceptions.
local function store(channel, is_open, from, to)
  local exceptions, fields, n, known, was = '', {}, 0, known_of(from, to), last
  for at = from, to, 4 do
    local key, who, e, more, root = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], 0
    local duplicate = key ~= '' and known[key]
    if more ~= '' and not duplicate then
      if n > 0 then -- it may reply to one of these
        redis.call('HSET', k .. 'log', unpack(fields))
        fields, n = {}, 0
      end
      root, e = reply(e)
      if not root then
        exceptions = exceptions .. exception((at - from) / 4, 2, 0)
      elseif e ~= ARGV[at + 2] then
        exceptions = exceptions .. exception((at - from) / 4, 5, root)
      end
    end
    if duplicate then
      exceptions = exceptions .. exception((at - from) / 4, 1, unpacked('>d', duplicate))
    elseif root then
      last, time, count = last + 1, math.max(now, time + 1), count + 1
      local id = name_of(last)
      fields[n + 1], fields[n + 2] = id, pack('>Bdd', 1, time, count) .. e
      n = n + 2
      if key ~= '' then
        known[key] = sub(id, 2)
        fields[n + 1], fields[n + 2] = key, known[key]
        n = n + 2
      end
      if who ~= '' then
        local joins = sub(who, 1, 1) ~= 'p'
        local user = joins and who or '\1' .. sub(who, 2)
        local row_is, joined = author(sub(who, 2), known[user], joins)
        if joined then
          exceptions = exceptions .. exception((at - from) / 4, 6, 0)
        end
        if row_is then
          known[user] = row_is
          fields[n + 1], fields[n + 2] = user, row_is
          n = n + 2
        end
      end
      if more ~= '' then
        if root ~= 0 then
          redis.call('ZADD', k .. 't:' .. text(root), last, text(last))
        end
        name(last, who == '' and 'guest' or sub(who, 2), sub(more, 2))
      end
    end
  end
  if n > 0 then
    redis.call('HSET', k .. 'log', unpack(fields))
  end
  if listed == 0 and last > was then
    list()
  end
  if noted and (ARGV[3] == '' or not pcall(settle, channel, is_open, ARGV[3], ARGV[4])) then
    exceptions = exceptions .. exception((to - from + 1) / 4 - 1, 7, 0)
  end
  return exceptions
end

local heads, answers, sets, at = {}, {}, {}, 6
for i = 2, #KEYS, 2 do
  heads[i / 2] = KEYS[i]
end
local were = redis.call('MGET', unpack(heads))
for i = 1, #heads do
  local number, m, s, drafts, is_open = unpacked('>c8dddc1', ARGV[at])
  local name, notes = string.match(ARGV[at], '^([^%z]*)%z?(.*)$', 34)
  if notes ~= '' then
    note(ARGV[5], notes, name)
  end
  open(KEYS[2 * i - 1], were[i], m, s)
  local answer = made(node, number)
  if answer then
    sets[#sets + 1], sets[#sets + 2] = heads[i], were[i] -- WAIT waits for what the connection has written
  else
    if seconds > 0 or over() then
      retain(2 + drafts)
    end
    noted = false
    local exceptions = drafts == 1 and ARGV[at + 4] == '' and store_one(at + 1)
      or store(name, is_open, at + 1, at + 4 * drafts)
    answer = hot() .. exceptions
    sets[#sets + 1], sets[#sets + 2] = heads[i], headed(node, number, answer)
  end
  answers[i] = answer
  at = at + 1 + 4 * drafts
end
redis.call('MSET', unpack(sets))
return answers
