package redis

import (
	_ "embed"
)

// script is the body of a channel's script. What is sent is the epoch, followed by the body (epoch.go).
type script struct {
	body  string
	reads bool // calling it twice does no harm
}

//go:embed lua/channel.lua
var channelLua string

//go:embed lua/rows.lua
var rowsLua string

//go:embed lua/one.lua
var oneLua string

// What retention takes away goes some entries at a time: an append trims little more than it adds (lua/append.lua).
var (
	channels = channelLua + rowsLua
	other    = channels + oneLua + "retain(1000)\n"
)

//go:embed lua/batch.lua
var batchLua string

//go:embed lua/append.lua
var appendLua string

//go:embed lua/change.lua
var changeLua string

//go:embed lua/list.lua
var listLua string

//go:embed lua/unread.lua
var unreadLua string

//go:embed lua/thread.lua
var threadLua string

//go:embed lua/set_member.lua
var setMemberLua string

//go:embed lua/restore.lua
var restoreLua string

//go:embed lua/bounds.lua
var boundsLua string

var (
	appendScript    = &script{body: channels + listLua + noteLua + batchLua + appendLua}
	changeScript    = &script{body: channels + oneLua + "retain(2)\n" + batchLua + changeLua}
	boundsScript    = &script{body: channels + boundsLua, reads: true}
	unreadScript    = &script{body: other + unreadLua, reads: true}
	threadScript    = &script{body: other + threadLua, reads: true}
	setMemberScript = &script{body: other + setMemberLua}
	restoreScript   = &script{body: other + restoreLua}

	// ARGV[2…]: user, role, read, count, joined, muted.
	restorePlaceScript = &script{body: other + `
local user, role, read, n, joined, muted = unpack(ARGV, 2, 7)
local is = {role = role, read = tonumber(read), count = tonumber(n), joined = tonumber(joined), left = 0, mute = tonumber(muted)}
if outside[role] then
  is.left = last
end
put_member(user, member(user), is)
if not outside[role] and list() then
  save()
end
return 0`}

	// ARGV[2…]: after, limit, bytes. The answer: first, then of each entry itself and its state.
	readScript = &script{body: other + `
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
return answer`, reads: true}

	// ARGV[2…]: ids. The answer: first, then of each its entry, state and last change.
	getScript = &script{body: other + `
local answer = {text(first)}
for i = 2, #ARGV do
  local e, state = raw(tonumber(ARGV[i]))
  answer[#answer + 1], answer[#answer + 2] = e, state
  answer[#answer + 1] = redis.call('HGET', k .. 'now', ARGV[i]) or '0'
end
return answer`, reads: true}

	// ARGV[2]: user NUL key.
	lookupScript = &script{body: other + `
local id = redis.call('HGET', k .. 'log', ARGV[2])
if not id then
  return {}
end
id = unpacked('>d', id)
return {text(id), raw(id)}`, reads: true}

	// What follows from entries is written with them, but for lists elsewhere: while something is to be said there the last entry does
	// not count as taken in.
	positionScript = &script{body: other + `
if last >= first and redis.call('EXISTS', k .. 'todo') == 1 then
  return text(last - 1)
end
return text(last)`, reads: true}

	// ARGV[2]: how many messages to look at.
	latestScript = &script{body: other + `
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
return {}`, reads: true}

	// ARGV[2]: user.
	memberScript = &script{body: other + `return described(member(ARGV[2]))`, reads: true}

	// ARGV[2…]: after, limit. The answer: of each member name and row.
	membersScript = &script{body: other + `
local answer, from = {}, ARGV[2] == '' and '-' or '(' .. ARGV[2]
for _, user in ipairs(redis.call('ZRANGEBYLEX', k .. 'names', from, '+', 'LIMIT', 0, ARGV[3])) do
  answer[#answer + 1] = user
  answer[#answer + 1] = described(member(user))
end
return answer`, reads: true}

	// Of several channels. The answer: of each settings and revision.
	settingsScript = &script{body: `
local answer = {}
for i = 1, #KEYS, 2 do
  local is = redis.call('HMGET', KEYS[i] .. 'meta', 'settings', 'revision')
  answer[i], answer[i + 1] = is[1] or '', is[2] or '0'
end
return answer`, reads: true}

	// ARGV[2…]: the revision that was changed, settings, whether of the kind members, retention: messages and seconds, or -1.
	setChannelScript = &script{body: other + `
if (redis.call('HGET', k .. 'meta', 'revision') or '0') ~= ARGV[2] then
  return 0
end
local was = redis.call('HGET', k .. 'meta', 'members') or '0'
redis.call('HINCRBY', k .. 'meta', 'revision', 1)
redis.call('HSET', k .. 'meta', 'settings', ARGV[3], 'members', ARGV[4])
own_messages, own_seconds = tonumber(ARGV[5]), tonumber(ARGV[6])
list()
save()
if was ~= ARGV[4] then
  todo('c', '1')
end
return 1`}

	// It removes all but the entries, and answers up to which those go. What removes goes first: without room to write
	// nothing else works until something was written.
	removeScript = &script{body: other + `
if redis.call('EXISTS', k .. 'meta', k .. 'head') == 0 then
  return '0'
end
local users = redis.call('ZRANGE', k .. 'names', 0, -1)
redis.call('DEL', k .. 'names')
trim(math.min(first + 1, last + 1))
for _, user in ipairs(users) do
  todo('u' .. user, '0')
end
redis.call('HDEL', k .. 'meta', 'settings', 'members')
redis.call('HINCRBY', k .. 'meta', 'revision', 1)
own_messages, own_seconds, removals, removed = -1, -1, removals + 1, last
if listed == 1 then
  listed = 0
  todo('c', '0')
end
save()
return text(last)`}

	// ARGV[2…]: the last id to remove, how many at a time. The answer: whether that is all.
	trimScript = &script{body: other + `
trim(math.min(tonumber(ARGV[2]), first - 1 + ARGV[3], last) + 1)
return first > tonumber(ARGV[2]) and 1 or 0`}

	todoScript = &script{body: other + `return redis.call('HGETALL', k .. 'todo')`, reads: true}

	// ARGV[2…]: arguments of settle.
	settleScript = &script{body: other + listLua + `
settle(unpack(ARGV, 2))
return 0`}

	// ARGV[2…]: what was said, and what was to be said.
	doneScript = &script{body: other + `
for i = 2, #ARGV, 2 do
  if redis.call('HGET', k .. 'todo', ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', k .. 'todo', ARGV[i])
  end
end
return 0`}

	scripts = []*script{appendScript, changeScript, unreadScript, threadScript, setMemberScript, boundsScript,
		readScript, getScript, lookupScript, positionScript, latestScript, memberScript, membersScript, settingsScript, setChannelScript,
		removeScript, trimScript, settleScript, todoScript, doneScript, restoreScript, restorePlaceScript}
)
