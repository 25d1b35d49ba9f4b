-- Who holds the lock, since when, and how many wait. Reads only; one script so that the answers belong to one moment.
--
-- KEYS  1 state  2 queue
-- ARGV  1 nonce, echoed
-- Reply {nonce, waiting} when free, {nonce, waiting, fence, granted in microseconds, milliseconds left, label} when held,
--       {nonce, -9, why}, {nonce, -10, format} and {nonce, -11, format} as in acquire.lua
--- @include includes/state.lua

local state = redis.call('GET', KEYS[1])
local waiting = redis.call('ZCARD', KEYS[2])
if state and not is_lock(state) then return { ARGV[1], not_ours(state) } end
if not state or string.byte(state) == 102 then return { ARGV[1], waiting } end
local label = string.match(string.sub(state, 72), '^[^|]*|(.*)$')
return { ARGV[1], waiting, fence_of(state), string.sub(state, 34, 49), redis.call('PTTL', KEYS[1]), label }
