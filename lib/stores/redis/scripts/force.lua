-- Ends whoever holds the lock, tells the holder's process, and passes the lock on under a new lineage: with the old one the
-- victim's own release would read as clean.
-- Atomic, because the victim must be told exactly when it is no longer the owner.
-- Executed twice it ends the next holder too; the caller does not repeat it after an unknown outcome.
--
-- KEYS  1 state  2 queue
-- ARGV  1 nonce, echoed  2 keepMs  3 reason, passed to the holder
-- Reply {nonce, 1, fence of the victim, its label} or {nonce, 0}: nobody held it, or {nonce, -9, why}: the key is not a lock
local state_key, queue_key = KEYS[1], KEYS[2]
local nonce, keep_ms, reason = ARGV[1], ARGV[2], ARGV[3]

--- @include includes/state.lua
--- @include includes/promote.lua

local state = redis.call('GET', state_key)
if state and not is_lock(state) then return { nonce, -9, 'its value is not a lock' } end
if not state or string.byte(state) == 102 then return { nonce, 0 } end

local channel, label = string.match(string.sub(state, 72), '^([^|]*)|(.*)$')
redis.call('PUBLISH', channel, 'L' .. owner_of(state) .. reason)

-- Above the victim's even if the server's clock was set back since.
local us = now_us()
local fence = digits(math.max(us, tonumber(fence_of(state)) + 1))
redis.call('PEXPIRE', state_key, keep_ms) -- as in release.lua: works when memory is full
if not promote(state_key, queue_key, fence, fence, us, false) then
  redis.call('SET', state_key, 'f' .. fence .. fence, 'PX', keep_ms)
end
return { nonce, 1, fence_of(state), label }
