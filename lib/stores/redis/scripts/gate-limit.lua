-- Sets the limit of a name for everybody, until it is set again: it wins over what callers say. A gate that is open has it at once: raised, it
-- lets in who fits now; lowered, it takes nothing away. Without a limit, a gate that is open keeps the one it has until it is closed.
-- Atomic, because the limit and who is let in by it belong together. Executed twice it changes nothing more.
--
-- KEYS  1 state  2 queue of the gate  3 holders  4 records  5 the stored limit
-- ARGV  1 nonce, echoed  2 keepMs  3 the limit, or '' for none
-- Reply {nonce, 1}
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua

local keys = { state = KEYS[1], waiting = KEYS[2], holders = KEYS[3], records = KEYS[4], limit = KEYS[5] }
local limit = ARGV[3]

if limit == '' then redis.call('DEL', keys.limit) else redis.call('SET', keys.limit, limit) end
local reply = reply_at_gate(ARGV[1], keys, { keep_ms = tonumber(ARGV[2]) }, function(gate)
  if limit == '' or gate.family ~= 'l' or gate.limit == tonumber(limit) then return {} end
  gate.limit, gate.changed = tonumber(limit), true
  let_in(gate, keys)
  return {}
end)
return reply.err and reply or { ARGV[1], 1 }
