-- Takes the lock if it is free or already ours; else joins the queue, or says for how long it is busy.
-- Atomic, because «is it free», «who is next» and «take it with the next fencing token» must be one decision.
-- Executed twice it answers the same: the owner token finds its own hold, and ZADD NX its own place.
--
-- KEYS  1 state  2 queue
-- ARGV  1 nonce, echoed  2 owner token  3 leaseMs, 8 digits  4 channel|label  5 wait: 1 or 0  6 ticket in microseconds, or 0 for a new one
-- Reply {nonce, code, …}
--    1 granted   fence, lineage, milliseconds the lease still runs
--    0 busy      milliseconds the holder's lease still runs
--    2 queued    milliseconds the holder's lease still runs, ticket, server time in microseconds
--   -9 conflict  why: the key is not a lock
local state = redis.call('GET', KEYS[1])

-- The usual case first, before anything else is even defined: free since a clean release ('f', and then nobody is queued).
if state and #state == 33 and string.byte(state) == 102 then
  local time = redis.call('TIME')
  local us = time[1] * 1000000 + time[2]
  -- Never only the last one + 1: a server that forgot its last seconds (fail-over, power loss) would give a token out twice.
  local fence, lineage = string.format('%016.0f', math.max(string.sub(state, 2, 17) + 1, us)), string.sub(state, 18, 33)
  local granted = string.format('%016.0f', us)
  redis.call('SET', KEYS[1], 'h' .. fence .. lineage .. granted .. ARGV[2] .. ARGV[4], 'PX', tonumber(ARGV[3]))
  return { ARGV[1], 1, fence, lineage, tonumber(ARGV[3]) }
end

local state_key, queue_key = KEYS[1], KEYS[2]
local nonce, token, lease_ms, tail, wait, ticket = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1', ARGV[6]

--- @include includes/state.lua
--- @include includes/promote.lua

local function join_queue(us)
  local score = ticket ~= '0' and ticket or string.format('%.0f', us)
  local member = token .. lease_ms .. tail
  if redis.call('ZADD', queue_key, 'NX', score, member) == 0 then
    score = string.format('%.0f', tonumber(redis.call('ZSCORE', queue_key, member)))
  end
  -- Waiters that live poll every few seconds and so keep the queue; one of the dead alone goes away.
  redis.call('PEXPIRE', queue_key, 90000)
  return score
end

if state and not is_lock(state) then return { nonce, -9, 'its value is not a lock' } end

local us = now_us()
if state then
  local left = redis.call('PTTL', state_key)
  if left == -1 then return { nonce, -9, 'it would never run out' } end
  if owner_of(state) == token then return { nonce, 1, fence_of(state), lineage_of(state), left } end
  if not wait then return { nonce, 0, left } end
  local score = join_queue(us)
  if string.byte(state) == 104 then redis.call('SETRANGE', state_key, 0, 'H') end -- keeps the lease
  return { nonce, 2, left, score, string.format('%.0f', us) }
end

-- No key: never used, or the holder's lease ran out. A new lineage begins at the server's time, which no token issued before
-- exceeds. Those who were queued are first.
local fence = digits(us)
if redis.call('EXISTS', queue_key) == 1 then
  local score = wait and join_queue(us)
  local winner, winner_ms = promote(state_key, queue_key, fence, fence, us, token)
  if winner == token then return { nonce, 1, fence, fence, winner_ms } end
  if winner and wait then return { nonce, 2, winner_ms, score, string.format('%.0f', us) } end
  if winner then return { nonce, 0, winner_ms } end
end
redis.call('SET', state_key, 'h' .. fence .. fence .. digits(us) .. token .. tail, 'PX', tonumber(lease_ms))
return { nonce, 1, fence, fence, tonumber(lease_ms) }
