-- ARGV[2…]: for each entry id, kind (m: message, e: edit, d: deletion, x: another change), author, whether they join, of, root,
-- time, count, the names it names (or ? if they are not to be looked at). The answer: whether there is a gap; facts: kind, user, id;
-- whether there is something to be said elsewhere.
local facts = {}

local function fact(kind, user, id)
  facts[#facts + 1] = kind
  facts[#facts + 1] = user
  facts[#facts + 1] = id
end

local function posted(author, joins, id, at, c)
  local was = member(author)
  local m = member(author)
  local changed = false
  if joins and was.role == '-' and id > was.left then
    m = {role = 'member', read = 0, count = 0, joined = at, muted = '0', left = 0}
    changed = true
    fact('1', author, text(id))
  end
  if not outsider(m.role) and id > m.read then
    m.read, m.count = id, c
    changed = true
  end
  if changed then
    put_member(author, was, m)
  end
end

local function name(of, author, names, id)
  local had = {}
  for user in string.gmatch(redis.call('HGET', k .. 'named', text(of)) or '', ' (%S+)') do
    had[user] = true
  end
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
      if not had[user] then
        fact('2', user, id)
      end
    end
  end
  redis.call('HSET', k .. 'named', text(of), author .. ' ' .. names)
end

local pos, was = position(), position()
for i = 2, #ARGV, 9 do
  local id, kind, author = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2]
  if id > pos + 1 then
    return {1, facts, 0}
  elseif id == pos + 1 then
    local of, root = tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
    if kind == 'm' then
      listed()
      if author ~= 'guest' then
        posted(author, ARGV[i + 3] == '1', id, tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7]))
      end
      if root ~= 0 then
        redis.call('ZADD', k .. 't:' .. text(root), id, text(id))
      end
      of = id
    elseif kind == 'd' and of >= first then
      redis.call('ZADD', k .. 'deleted', of, text(of))
      forget_names(of)
      local e = entry(of)
      if e and e.root ~= 0 then
        redis.call('ZADD', k .. 'd:' .. text(e.root), of, text(of))
      end
    end
    if (kind == 'm' or kind == 'e') and ARGV[i + 8] ~= '?' and of >= first then
      name(of, author, ARGV[i + 8], ARGV[i])
    end
    pos = id
  end
end
if pos > was then
  redis.call('HSET', k .. 'meta', 'pos', text(pos))
end
return {0, facts, redis.call('EXISTS', k .. 'todo')}
