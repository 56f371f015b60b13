-- One channel: KEYS[1] begins the names of its keys, KEYS[2] is its head. ARGV[1] is "time messages seconds": the time in
-- microseconds, or nothing for this server's, and how many messages are kept how long unless the settings say so (0: all).
do
  local given, m, s = string.match(ARGV[1], '^(%d*) (%d+) (%d+)$')
  now = tonumber(given)
  if not now then
    now = redis.call('TIME')
    now = now[1] * 1000000 + now[2]
  end
  open(KEYS[1], redis.call('GET', KEYS[2]), tonumber(m), tonumber(s))
end
