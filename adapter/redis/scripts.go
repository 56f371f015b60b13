package redis

import (
	_ "embed"
)

// script is the body of one that belongs to a channel. What is sent has the epoch before it (epoch.go).
type script struct{ body string }

//go:embed lua/channel.lua
var channelLua string

//go:embed lua/rows.lua
var rowsLua string

// What retention takes away goes some entries at a time: an append trims little more than it adds.
var (
	appending = channelLua + "if over or seconds > 0 then\n" + rowsLua + "retain(2 + #ARGV)\nend\n" + batchLua
	other     = channelLua + rowsLua + "retain(1000)\n"
)

//go:embed lua/batch.lua
var batchLua string

//go:embed lua/append.lua
var appendLua string

//go:embed lua/change.lua
var changeLua string

//go:embed lua/project.lua
var projectLua string

//go:embed lua/unread.lua
var unreadLua string

//go:embed lua/thread.lua
var threadLua string

//go:embed lua/set_member.lua
var setMemberLua string

var (
	appendScript    = &script{appending + appendLua}
	changeScript    = &script{appending + changeLua}
	projectScript   = &script{other + projectLua}
	unreadScript    = &script{other + unreadLua}
	threadScript    = &script{other + threadLua}
	setMemberScript = &script{other + setMemberLua}

	boundsScript = &script{other + `return {text(first), text(last), text(time)}`}

	// ARGV[2…]: after, limit, bytes. The answer: first, then of each entry itself and its state.
	readScript = &script{other + `
local answer, size, id = {text(first)}, 0, math.max(tonumber(ARGV[2]) + 1, 1)
if id < first then
  return answer
end
while id <= last and #answer < 2 * ARGV[3] and size < tonumber(ARGV[4]) do
  local e, state = raw(id)
  answer[#answer + 1], answer[#answer + 2] = e, state
  size = size + math.max(#e, #state) + 64
  id = id + 1
end
return answer`}

	// ARGV[2…]: ids. The answer: first, then of each its entry, state and last change.
	getScript = &script{other + `
local answer = {text(first)}
for i = 2, #ARGV do
  local e, state = raw(tonumber(ARGV[i]))
  answer[#answer + 1], answer[#answer + 2] = e, state
  answer[#answer + 1] = redis.call('HGET', k .. 'now', ARGV[i]) or '0'
end
return answer`}

	// ARGV[2]: user NUL key.
	lookupScript = &script{other + `
local id = redis.call('HGET', k .. 'keys', ARGV[2])
if not id then
  return {}
end
return {id, raw(tonumber(id))}`}

	// While something is to be said elsewhere the last entry does not count as taken in.
	positionScript = &script{other + `
local pos = position()
if pos >= first and redis.call('EXISTS', k .. 'todo') == 1 then
  pos = pos - 1
end
return text(pos)`}

	// ARGV[2]: how many messages to look at.
	latestScript = &script{other + `
local looked, id = 0, last
while id >= first and looked < tonumber(ARGV[2]) do
  local e = entry(id)
  if e and e.of == 0 then
    if not e.deleted then
      return {text(id), raw(id)}
    end
    looked = looked + 1
  end
  id = id - 1
end
return {}`}

	// ARGV[2]: user.
	memberScript = &script{other + `return row(member(ARGV[2]))`}

	// ARGV[2…]: after, limit. The answer: of each member name and row.
	membersScript = &script{other + `
local answer, from = {}, ARGV[2] == '' and '-' or '(' .. ARGV[2]
for _, user in ipairs(redis.call('ZRANGEBYLEX', k .. 'names', from, '+', 'LIMIT', 0, ARGV[3])) do
  answer[#answer + 1] = user
  answer[#answer + 1] = row(member(user))
end
return answer`}

	settingsScript = &script{other + `
local is = redis.call('HMGET', k .. 'meta', 'settings', 'revision')
return {is[1] or '', is[2] or '0'}`}

	// ARGV[2…]: the revision that was changed, settings, whether of the kind members, retention: messages and seconds, or empty.
	setChannelScript = &script{other + `
if (redis.call('HGET', k .. 'meta', 'revision') or '0') ~= ARGV[2] then
  return 0
end
local was = redis.call('HGET', k .. 'meta', 'members') or '0'
redis.call('HINCRBY', k .. 'meta', 'revision', 1)
redis.call('HSET', k .. 'meta', 'settings', ARGV[3], 'members', ARGV[4])
redis.call('HDEL', k .. 'meta', 'messages', 'seconds')
if ARGV[5] ~= '' then
  redis.call('HSET', k .. 'meta', 'messages', ARGV[5], 'seconds', ARGV[6])
end
listed()
if was ~= ARGV[4] then
  todo('c', '1')
end
return 1`}

	// It removes all but the entries, and answers up to which those go. What removes goes first: without room to write
	// nothing else works until something was written.
	removeScript = &script{other + `
if redis.call('EXISTS', k .. 'meta') == 0 then
  return '0'
end
local users = redis.call('ZRANGE', k .. 'names', 0, -1)
redis.call('DEL', k .. 'names')
trim(math.min(first + 1, last + 1))
for _, user in ipairs(users) do
  redis.call('HSET', k .. 'members', user, '- 0 0 0 0 ' .. text(last))
  todo('u' .. user, '0')
end
for i, user in ipairs(redis.call('HKEYS', k .. 'members')) do
  redis.call('HSET', k .. 'members', user, '- 0 0 0 0 ' .. text(last))
end
redis.call('HDEL', k .. 'meta', 'settings', 'members', 'messages', 'seconds')
redis.call('HINCRBY', k .. 'meta', 'revision', 1)
if redis.call('HGET', k .. 'meta', 'listed') == '1' then
  redis.call('HDEL', k .. 'meta', 'listed')
  todo('c', '0')
end
return text(last)`}

	// ARGV[2…]: the last id to remove, how many at a time. The answer: whether that is all.
	trimScript = &script{other + `
trim(math.min(tonumber(ARGV[2]), first - 1 + ARGV[3], last) + 1)
return first > tonumber(ARGV[2]) and 1 or 0`}

	todoScript = &script{other + `return redis.call('HGETALL', k .. 'todo')`}

	// ARGV[2…]: what was said, and what was to be said.
	doneScript = &script{other + `
for i = 2, #ARGV, 2 do
  if redis.call('HGET', k .. 'todo', ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', k .. 'todo', ARGV[i])
  end
end
return 0`}

	scripts = []*script{appendScript, changeScript, projectScript, unreadScript, threadScript, setMemberScript, boundsScript,
		readScript, getScript, lookupScript, positionScript, latestScript, memberScript, membersScript, settingsScript, setChannelScript,
		removeScript, trimScript, todoScript, doneScript}
)
