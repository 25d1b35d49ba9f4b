-- Ends a hold, or takes a waiter out of the queue, whichever the token is; and passes the lock on.
-- Atomic, because between «it is free» and «the next one has it» nobody may slip in.
-- Executed twice it answers 1, then 2: the lineage tells that the first one did its work.
--
-- KEYS  1 state  2 queue
-- ARGV  1 nonce, echoed  2 owner token  3 keepMs, how long the trace of a clean release stays
--       4 fence and lineage of the hold (32 digits), or '' when no grant was seen  5 queue member, or '' when it never queued
-- Reply {nonce, code}
--    1 released   2 had ended cleanly before   3 nothing held, and not queued any more   -1 refused: not ours
-- Always: a poll that crossed the push may have queued a token that is already the owner.
if ARGV[5] ~= '' then redis.call('ZREM', KEYS[2], ARGV[5]) end

local state = redis.call('GET', KEYS[1])

-- The usual case first, before anything else is even defined: ours, and nobody is queued ('h').
if state and #state >= 72 and string.byte(state) == 104 and string.sub(state, 50, 71) == ARGV[2] then
  -- A first write that Redis allows when its memory is full; after it the SET is allowed too, so a release never fails for that.
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  redis.call('SET', KEYS[1], 'f' .. string.sub(state, 2, 33), 'PX', ARGV[3])
  return { ARGV[1], 1 }
end

local state_key, queue_key = KEYS[1], KEYS[2]
local nonce, token, keep_ms, grant = ARGV[1], ARGV[2], ARGV[3], ARGV[4]

--- @include includes/state.lua
--- @include includes/promote.lua

if state and is_lock(state) and owner_of(state) == token then
  redis.call('PEXPIRE', state_key, keep_ms) -- as above
  local us = now_us()
  local next_fence = digits(math.max(tonumber(fence_of(state)) + 1, us)) -- see acquire.lua
  if not promote(state_key, queue_key, next_fence, lineage_of(state), us, false) then
    redis.call('SET', state_key, 'f' .. string.sub(state, 2, 33), 'PX', keep_ms)
  end
  return { nonce, 1 }
end
if grant == '' then return { nonce, 3 } end
if state and lineage_of(state) == string.sub(grant, 17) and fence_of(state) >= string.sub(grant, 1, 16) then return { nonce, 2 } end
return { nonce, -1 }
