-- Ends a load: keeps the value if the lease is still the caller's and no generation has moved since the load began.
-- KEYS: value, lease, generation…
-- ARGV: lease token, value, value ms, generation ms, generation…
-- Returns 1 kept, 0 a generation has moved, -1 the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
redis.call('DEL', KEYS[2])
for i = 3, #KEYS do
  if redis.call('GET', KEYS[i]) ~= ARGV[i + 2] then
    return 0
  end
end
for i = 3, #KEYS do
  -- A generation outlives every copy that it guards.
  if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[4]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[4])
  end
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
