-- Makes an upgradeable hold exclusive, under a new fence; or gives it the first place in the queue, before which no new reader enters.
-- Asked without waiting it is granted now or leaves the queue; asked to leave it only leaves, and tells if it was granted before.
-- Atomic, because between «the other readers are gone» and «it is mine» nobody may slip in.
-- Executed twice it answers the same: a hold that is exclusive already was upgraded before, and its place in the queue is one.
--
-- KEYS  1 state  2 queue of the gate  3 holders  4 records
-- ARGV  1 nonce, echoed  2 keepMs  3 owner token  4 'w' waits, '-' does not, 'c' leaves the queue
-- Reply {nonce, 1, fence, lineage, milliseconds left}  exclusive now
--       {nonce, 2, ms, ticket, us, listeners}          queued, as in gate-acquire.lua
--       {nonce, 0, ms}                                 busy; it stays upgradeable, and is not queued
--       {nonce, -1} not ours · {nonce, -14, mode} neither upgradeable nor exclusive · {nonce, -9, why}, {nonce, -10, format}
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua

local keys = { state = KEYS[1], waiting = KEYS[2], holders = KEYS[3], records = KEYS[4] }
local keep_ms, token, how = tonumber(ARGV[2]), ARGV[3], ARGV[4]

local told = {
  keep_ms = keep_ms,
  self = token,
  open = function() return nil, { -1 } end, -- no gate is open: nobody holds it upgradeable
}
return reply_at_gate(ARGV[1], keys, told, function(gate)
  local hold = hold_of(gate, keys, token)
  if not hold then return { -1 } end
  if hold.mode ~= 'u' and hold.mode ~= 'x' then return { -14, hold.mode } end
  local member = upgrade_member(token, hold.tail)
  if hold.mode == 'u' then
    if how ~= 'c' and fits(gate, 'U') then
      redis.call('ZREM', keys.waiting, member)
      raise(gate, keys, token, hold)
    elseif how == 'w' then
      redis.call('ZADD', keys.waiting, 'NX', 0, member)
      redis.call('PEXPIRE', keys.waiting, 90000)
      gate.changed, gate.is_waited_for = true, true
      return { 2, next_end(gate, keys), digits(0), now, listeners_on(hold.tail) }
    else
      if redis.call('ZREM', keys.waiting, member) == 1 then
        gate.changed = true
        let_in(gate, keys)
      end
      return { 0, next_end(gate, keys) }
    end
  end
  return { 1, hold.fence, gate.lineage, hold.left }
end)
