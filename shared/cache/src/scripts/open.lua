-- Begins a load: reads the generations (a missing one begins at random) and the value, and asks for the lease.
-- KEYS: value, lease, generation…
-- ARGV: lease token, lease ms, a random generation, generation ms, times of the copy that the caller won't have ('' for none)
-- Returns {value or false, 1 if the lease is the caller's, {generation…}}. A value that holds, and that the caller has not
-- seen, is returned without a lease: somebody was faster.
local generations = {}
for i = 3, #KEYS do
  local generation = redis.call('GET', KEYS[i])
  if not generation then
    generation = ARGV[3]
    redis.call('SET', KEYS[i], generation, 'PX', ARGV[4])
  end
  generations[#generations + 1] = generation
end
local value = redis.call('GET', KEYS[1])
if value then
  local last = 3 + 16 * #generations
  local holds = value:byte(3) == #generations and value:sub(4, last) == table.concat(generations)
  if holds and value:sub(last + 1, last + 24) ~= ARGV[5] then
    return {value, 0, generations}
  end
end
local leased = redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return {false, leased and 1 or 0, generations}
