-- Ends whoever holds the lock, tells the holder's process, and passes the lock on under a new lineage: with the old one the
-- victim's own release would read as clean.
-- Atomic, because the victim must be told exactly when it is no longer the owner.
-- Executed twice it ends the next holder too; the caller does not repeat it after an unknown outcome.
--
-- KEYS  1 state  2 queue
-- ARGV  1 nonce, echoed  2 keepMs  3 reason, passed to the holder  4 a fencing token, 16 digits: only the hold that issued it; or ''
-- Reply {nonce, 1, fence of the victim, its label} or {nonce, 0}: nobody held it, or {nonce, -9, why}, {nonce, -10, format}: or {nonce, -11, format}, as in acquire.lua
local keys = { state = KEYS[1], queue = KEYS[2] }
local nonce, keep_ms, reason, only = ARGV[1], ARGV[2], ARGV[3], ARGV[4] or ''

--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/promote.lua

local state = redis.call('GET', keys.state)
if state and not is_lock(state) then return { nonce, not_ours(state) } end
if not state or string.byte(state) == 102 then return { nonce, 0 } end
-- Tokens that the holder counted on for local leases are above its fence, and not above the server's time.
if only ~= '' and (only < fence_of(state) or only > digits(math.max(now_us(), tonumber(fence_of(state))))) then
  return { nonce, 0 }
end

local tail = string.sub(state, 72)
redis.call('PUBLISH', channel_of(tail), 'L' .. owner_of(state) .. reason)

-- Above all of the victim's. It may have used more tokens than it has written back, none above the server's time; if the clock was set
-- back since, that says nothing, but more than a second's worth (of one a microsecond) is never left unwritten.
local us, known = now_us(), tonumber(fence_of(state))
local unwritten = us <= known and 1000000 or 0
local fence = digits(math.max(us, known + 1 + unwritten))
redis.call('PEXPIRE', keys.state, keep_ms) -- as in release.lua: works when memory is full
if not promote(keys, { fence = fence, lineage = fence, us = us }) then
  redis.call('SET', keys.state, 'f' .. fence .. fence, 'PX', keep_ms)
end
return { nonce, 1, fence_of(state), string.match(tail, '|(.*)$') }
