-- What several channels hold. KEYS are for each what begins the names of its keys, and its head. ARGV: the time in microseconds or
-- nothing for this server's; then for each channel, packed, how many messages are kept how long unless the settings say so. The answer is,
-- for each, packed: first, last, its time, and the count before first.
now = tonumber(ARGV[1])
if not now then
  now = redis.call('TIME')
  now = now[1] * 1000000 + now[2]
end
local heads, answers = {}, {}
for i = 2, #KEYS, 2 do
  heads[i / 2] = KEYS[i]
end
local are = redis.call('MGET', unpack(heads))
local nothing = pack('>dddd', 1, 0, 0, 0)
for i = 1, #heads do
  if are[i] then
    open(KEYS[2 * i - 1], are[i], unpacked('>dd', ARGV[i + 1]))
    if seconds > 0 or over() then
      retain(1000)
    end
    answers[i] = pack('>dddd', first, last, time, before)
  else
    answers[i] = nothing
  end
end
return table.concat(answers)
