-- A list of channels: key begins its names. list is a sorted set of the channels, open of those that anybody may find, versions a
-- hash: channel -> the version of what was said last. A channel's script gives what it says a version, so that what comes late
-- changes nothing.
local function say(key, channel, version, is_in, is_open)
  local was = tonumber(redis.call('HGET', key .. 'versions', channel) or 0)
  if was >= tonumber(version) then
    return 0
  end
  redis.call('HSET', key .. 'versions', channel, version)
  for list, is in pairs({list = is_in, open = is_open}) do
    if is == '1' then
      redis.call('ZADD', key .. list, 0, channel)
    else
      redis.call('ZREM', key .. list, channel)
    end
  end
  return 1
end

-- settle has the lists on this server say what a channel noted for them: all and users begin the names of the keys of the list of channels,
-- and of the users' lists before the user.
local function settle(channel, is_open, all, users)
  local is = redis.call('HGETALL', k .. 'todo')
  for i = 1, #is, 2 do
    local version, is_in, members = string.match(is[i + 1], '^(%S+) (%S+) (%S+)$')
    if is[i] == 'c' then
      say(all, channel, version, is_in, is_in == '1' and members == '0' and is_open or '0')
    else
      say(users .. sub(is[i], 2) .. '}:', channel, version, is_in, '0')
    end
  end
  redis.call('DEL', k .. 'todo')
end
