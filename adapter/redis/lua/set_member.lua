-- ARGV[2…]: user, the role they must have, role, mute, read pointer; ? leaves it as it is. The answer: whether it was refused, the
-- row before and after, and whether there is something to be said elsewhere.
local user, role, mute, read = ARGV[2], ARGV[4], ARGV[5], ARGV[6]
local was, is = member(user), member(user)
if ARGV[3] ~= '?' and ARGV[3] ~= was.role then
  return {'1', described(was), described(was), '0'}
end
if role ~= '?' then
  is.role = role
end
if outside[is.role] then
  is = {role = is.role, read = 0, count = 0, joined = 0, left = last, mute = 0}
  if role ~= '?' then
    put_member(user, was, is)
  end
  return {'0', described(was), described(is), text(redis.call('EXISTS', k .. 'todo'))}
end
if outside[was.role] then
  is.read, is.count, is.joined, is.left = last, count, now, 0
end
if mute ~= '?' then
  is.mute = tonumber(mute)
end
if read ~= '?' then
  local to = math.min(tonumber(read), last)
  if to > is.read then
    is.read, is.count = to, count_at(to)
  end
end
put_member(user, was, is)
if list() then
  save()
end
return {'0', described(was), described(is), text(redis.call('EXISTS', k .. 'todo'))}
