-- Ends holds at the general gate, or takes waiters out of its queue, whichever each token is; and lets in who fits now.
-- Atomic, because between «it is free» and «the next one has it» nobody may slip in.
-- Executed twice it answers 1, then 2: its record is gone, and the lineage tells that the first one did its work.
--
-- KEYS  of each hold: the states, then the queues of the gate, the holders, the records
-- ARGV  1 the terms, when all have the same, and a nonce; echoed. Then for each hold: its terms, when they differ; hold
--         terms  1-8 keepMs · 9-18 leaseMs of its queue member, zeros when it never queued · 19 mode · 20-29 weight · 30-39 how long
--                its share stays taken at least after its grant (minHoldMs), zeros for no least time
--         hold   1-22 owner token · 23-38 last fencing token used under it · 39-54 lineage · 55- channel|label. Zeros when no grant was seen
-- Reply a text: ARGV 1, then one line each:
--    1   released, or it stays taken for the rest of its least time   2 had ended cleanly before   3 nothing held, and not queued any more   -1 refused: not ours
--    -9 why, -10 format   as in acquire.lua
--    -12                  ask plainly: no gate is open    -8 error, refused by the server
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua
--- @include includes/least.lua
--- @include includes/batch.lua

-- Its place among the holders is nobody's now. An acquire that was repeated late may have left such a one before.
local function stay_taken(gate, keys, hold, nobody)
  local before = hold_of(gate, keys, nobody.token)
  if before then leave(gate, keys, nobody.token, before) end
  redis.call('ZADD', keys.holders, now_ms + nobody.rest, nobody.token)
  write_record(keys, nobody.token, hold)
  count(gate, hold.mode, hold.weight, 1)
  gate.is_longer, gate.stays_taken = true, true
end

return answer_others(ARGV[1], { own = 1, names = { 'state', 'waiting', 'holders', 'records' } }, function(keys, terms, text)
  local token, used, lineage = string.sub(text, 1, 22), string.sub(text, 23, 38), string.sub(text, 39, 54)
  local queued_ms, kind = string.sub(terms, 9, 18), string.sub(terms, 19, 29)
  local least_ms = tonumber(string.sub(terms, 30, 39))

  return at_gate(keys, { keep_ms = tonumber(string.sub(terms, 1, 8)) }, function(gate)
    -- Always: a poll that crossed the push may have queued a token that is already a holder.
    local was_queued = queued_ms ~= '0000000000'
      and redis.call('ZREM', keys.waiting, token .. queued_ms .. kind .. string.sub(text, 55)) == 1
    local hold = hold_of(gate, keys, token)
    if hold then
      local rest = least_ms > 0 and rest_ms(hold.granted, least_ms) or 0
      leave(gate, keys, token, hold)
      if rest > 0 then stay_taken(gate, keys, hold, { token = nobodys(token), rest = rest }) end
      if used > gate.fence then gate.fence = used end
    end
    if hold or was_queued then
      gate.changed = true
      let_in(gate, keys)
    end
    if hold and gate.stays_taken then wake_first(keys.waiting, 44) end
    if hold then return { 1 } end
    if lineage == '0000000000000000' then return { 3 } end
    if gate.lineage == lineage and gate.fence >= used then return { 2 } end
    return { -1 }
  end)
end)
