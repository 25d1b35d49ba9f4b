-- Makes holds at the general gate last longer; one command for a whole batch.
-- Atomic per hold: the owner is looked up in the same step. Never shortens a lease, so a late duplicate does no harm.
--
-- KEYS  of each hold: the states, then the queues of the gate, the holders, the records
-- ARGV  1 the terms, when all have the same, and a nonce; echoed. Then for each hold: its terms, when they differ; hold
--         terms  1-8 keepMs
--         hold   1-22 owner token · 23-32 leaseMs · 33-48 fence as known
-- Reply a text: ARGV 1, then one line each:
--    1 ms                renewed; milliseconds left
--    1 ms fence lineage  the same, and the grant is newer than the caller knows
--    -1                  lost: not ours
--    -9 why, -10 format  as in acquire.lua
--    -12                 ask plainly: no gate is open    -8 error, refused by the server
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua
--- @include includes/batch.lua

return answer_others(ARGV[1], { own = 1, names = { 'state', 'waiting', 'holders', 'records' } }, function(keys, terms, text)
  local token, lease_ms, known = string.sub(text, 1, 22), tonumber(string.sub(text, 23, 32)), string.sub(text, 33, 48)
  return at_gate(keys, { keep_ms = tonumber(string.sub(terms, 1, 8)) }, function(gate)
    local hold = hold_of(gate, keys, token)
    if not hold then return { -1 } end
    if hold.left < lease_ms then
      -- A first write that Redis allows when its memory is full, though it changes nothing; after it the others are allowed too.
      redis.call('ZREM', keys.holders, '')
      redis.call('ZADD', keys.holders, now_ms + lease_ms, token)
      hold.left, gate.is_longer, gate.changed = lease_ms, true, true
    end
    if hold.fence == known then return { 1, hold.left } end
    return { 1, hold.left, hold.fence, gate.lineage }
  end)
end)
