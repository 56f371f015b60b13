-- ARGV[4…]: for each draft key (user NUL key, or empty), thread, body. The answer has for each "status id time count root"
-- status: 0 stored, 1 a duplicate of id, 2 no such thread.
local answer = {}
for i = 4, #ARGV, 3 do
  local key, root = ARGV[i], tonumber(ARGV[i + 1])
  local duplicate, to
  if key ~= '' and (root ~= 0 or redis.call('HSETNX', k .. 'keys', key, last + 1) == 0) then
    duplicate = redis.call('HGET', k .. 'keys', key)
  end
  if root ~= 0 and not duplicate then
    to = entry(root)
  end
  if duplicate then
    answer[#answer + 1] = '1 ' .. duplicate .. ' 0 0 0'
  elseif root ~= 0 and (not to or to.of ~= 0) then
    answer[#answer + 1] = '2 0 0 0 0'
  else
    if to and to.root ~= 0 then
      root = to.root
    end
    count = count + 1
    add(0, root, key, ARGV[i + 2])
    if key ~= '' and root ~= 0 then
      redis.call('HSET', k .. 'keys', key, text(last))
    end
    answer[#answer + 1] = string.format('0 %.0f %.0f %.0f %.0f', last, time, count, root)
  end
end
return made(table.concat(answer, ' '))
