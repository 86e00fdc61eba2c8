-- Takes one call from a vendor account's rate budget (generic cell rate algorithm, ITU-T I.371).
-- KEYS: when the bucket is full again, in µs since 1970; the account's pause
-- ARGV: µs from one call to the next, µs that calls may come early, µs that a bucket lacks which is not known here
-- Returns 0, or in how many µs to ask again.
local paused = redis.call('PTTL', KEYS[2])
if paused > 0 then
  return paused * 1000
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or now + ARGV[3]), now)
local wait = full - tonumber(ARGV[2]) - now
if wait > 0 then
  return wait
end
full = full + tonumber(ARGV[1])
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 0
