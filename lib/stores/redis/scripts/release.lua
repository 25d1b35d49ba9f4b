-- Ends holds, or takes waiters out of the queue, whichever each token is; and passes the locks on. One call carries what one
-- process ends at the same time, and each is answered as if it had come alone.
-- Atomic, because between «it is free» and «the next one has it» nobody may slip in.
-- Executed twice it answers 1, then 2: the lineage tells that the first one did its work.
--
-- KEYS  the states of all holds, then their queues
-- ARGV  1 the terms, when all holds have the same, and a nonce; echoed. Then for each hold: its terms, when they differ; expected; free
--         terms     1-8 keepMs, how long the trace of a clean release stays · 9 a space · 10-17 leaseMs of its queue member, zeros
--                   when it never queued · only where `expected` begins with 'm': 18-27 how long the name stays taken at least after
--                   its grant (minHoldMs)
--         expected  the state that it has when nothing was special since its grant, see state.lua: h (m: there is a least time), fence, lineage, the fence as
--                   the time of the grant, owner token, channel|label. Fence and lineage are zeros when no grant was seen
--         free      the state that it leaves: f, last fencing token used under the hold, lineage
-- Reply a text: ARGV 1. Then, unless all were released, one line each:
--    (empty) or 1   released, or it stays taken for the rest of its least time   2 had ended cleanly before   3 nothing held, and not queued any more   -1 refused: not ours
--    -8 error       refused by the server, as it would have refused the command alone    -11 format: ask the gate, see PROTOCOL.md
local count = #KEYS / 2
local each = (#ARGV - 1) / count
local shared_ms = each == 2 and string.match(ARGV[1], '[1-9]%d*')
local others

-- The usual case first, before anything else is even defined: ours, nobody is queued ('h'), and what its owner knows is all there is to
-- know. So one comparison tells it: of the flag, the fence, the lineage and the owner token.
for index = 1, count do
  local key, last = KEYS[index], 1 + index * each
  local done
  if redis.pcall('GET', key) == ARGV[last - 1] then
    done = redis.pcall('SET', key, ARGV[last], 'PX', shared_ms or string.match(ARGV[last - 2], '[1-9]%d*'))
  end
  if not (done and done.ok) then
    others = others or {}
    others[#others + 1] = index
  end
end
if not others then return ARGV[1] end

--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/promote.lua
--- @include includes/least.lua
--- @include includes/batch.lua

local function stays_taken(keys, state, least_ms, last)
  local rest = rest_ms(string.sub(state, 34, 49), least_ms)
  if rest <= 0 then return false end
  redis.call('PEXPIRE', keys.state, rest) -- a first write that is allowed when memory is full; see below
  local owner = nobodys(owner_of(state)) .. string.sub(state, 72)
  redis.call('SET', keys.state, string.sub(state, 1, 1) .. digits(last) .. string.sub(state, 18, 49) .. owner, 'PX', rest)
  wake_first(keys.queue, 31)
  return true
end

return answer_others(ARGV[1], { others = others, own = 2 }, function(keys, terms, expected, free)
  local token, used, lineage = owner_of(expected), fence_of(free), lineage_of(free)
  local keep_ms, queued_ms = tonumber(string.sub(terms, 1, 8)), string.sub(terms, 10, 17)
  -- Always: a poll that crossed the push may have queued a token that is already the owner.
  if queued_ms ~= '00000000' then redis.call('ZREM', keys.queue, token .. queued_ms .. string.sub(expected, 72)) end

  local state = redis.call('GET', keys.state)
  if state and is_lock(state) and owner_of(state) == token then
    local last = math.max(fence_of(state), used)
    if string.byte(expected) == 109 and stays_taken(keys, state, tonumber(string.sub(terms, 18, 27)), last) then return { 1 } end
    -- A first write that Redis allows when its memory is full; after it the SET is allowed too, so a release never fails for that.
    redis.call('PEXPIRE', keys.state, keep_ms)
    if string.byte(state) == 72 then -- somebody may be queued
      local us = now_us()
      if promote(keys, { fence = next_fence(last, us), lineage = lineage_of(state), us = us }) then return { 1 } end
    end
    redis.call('SET', keys.state, 'f' .. digits(last) .. lineage_of(state), 'PX', keep_ms)
    return { 1 }
  end
  if is_at_gate(state) then return { -11, '2' } end
  if lineage == '0000000000000000' then return { 3 } end
  if state and lineage_of(state) == lineage and fence_of(state) >= used then return { 2 } end
  return { -1 }
end)
