-- Ends holds, or takes waiters out of the queue, whichever each token is; and passes the locks on. One call carries what one
-- process ends at the same time, and each is answered as if it had come alone.
-- Atomic, because between «it is free» and «the next one has it» nobody may slip in.
-- Executed twice it answers 1, then 2: the lineage tells that the first one did its work.
--
-- KEYS  for each hold: state, queue
-- ARGV  1 nonce, echoed  2 keepMs, how long the trace of a clean release stays; then for each hold one text of fixed fields:
--         1-22 owner token · 23-38 last fencing token used under the hold · 39-54 lineage, zeros when no grant was seen
--         55- the rest of its queue member (leaseMs, channel|label), or nothing when it never queued
-- Reply {nonce, answer, …}, one answer for each hold, a text as in acquire.lua
--    1 released   2 had ended cleanly before   3 nothing held, and not queued any more   -1 refused: not ours
--    -8 error, refused by the server, as it would have refused the command alone
local keep_ms = ARGV[2]
local reply, others = { ARGV[1] }, nil

-- The usual case first, before anything else is even defined: ours, and nobody is queued ('h').
for index = 3, #ARGV do
  local key, ending = KEYS[index * 2 - 5], ARGV[index]
  local state = redis.pcall('GET', key)
  local done
  if type(state) == 'string' and #state >= 72 and string.byte(state) == 104 and string.sub(state, 50, 71) == string.sub(ending, 1, 22) then
    local used, fence = string.sub(ending, 23, 38), string.sub(state, 2, 17)
    if used < fence then used = fence end
    done = redis.pcall('SET', key, 'f' .. used .. string.sub(state, 18, 33), 'PX', keep_ms)
  end
  if done and done.ok then
    reply[index - 1] = '1'
  else
    others = others or {}
    others[#others + 1] = index
  end
end
if not others then return reply end

--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/promote.lua
--- @include includes/batch.lua

return answer_others(reply, others, function(keys, ending)
  local token, used, lineage = string.sub(ending, 1, 22), string.sub(ending, 23, 38), string.sub(ending, 39, 54)
  -- Always: a poll that crossed the push may have queued a token that is already the owner.
  if #ending > 54 then redis.call('ZREM', keys.queue, token .. string.sub(ending, 55)) end

  local state = redis.call('GET', keys.state)
  if state and is_lock(state) and owner_of(state) == token then
    -- A first write that Redis allows when its memory is full; after it the SET is allowed too, so a release never fails for that.
    redis.call('PEXPIRE', keys.state, keep_ms)
    local last = math.max(fence_of(state), used)
    if string.byte(state) == 72 then -- somebody may be queued
      local us = now_us()
      if promote(keys, { fence = next_fence(last, us), lineage = lineage_of(state), us = us }) then return { 1 } end
    end
    redis.call('SET', keys.state, 'f' .. digits(last) .. lineage_of(state), 'PX', keep_ms)
    return { 1 }
  end
  if lineage == '0000000000000000' then return { 3 } end
  if state and lineage_of(state) == lineage and fence_of(state) >= used then return { 2 } end
  return { -1 }
end)
