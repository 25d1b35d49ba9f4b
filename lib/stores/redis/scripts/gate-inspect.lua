-- Who holds the general gate, how, since when, and how many wait. Reads only; one script so that the answers belong to one moment.
--
-- KEYS  1 state  2 queue of the gate  3 holders  4 records
-- ARGV  1 nonce, echoed
-- Reply {nonce, waiting, limit (0: none), {mode, weight, fence, granted in microseconds, milliseconds left, label}, …}, in the order in which
--       their leases end; {nonce, -12}: ask plainly, no gate is open; {nonce, -9, why}, {nonce, -10, format}: as in acquire.lua
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua

local keys = { state = KEYS[1], waiting = KEYS[2], holders = KEYS[3], records = KEYS[4] }
local gate, answer = find_gate(keys)
if not gate then
  table.insert(answer, 1, ARGV[1])
  return answer
end
local reply = { ARGV[1], redis.call('ZCARD', keys.waiting), gate.limit }
for _, token in ipairs(redis.call('ZRANGEBYSCORE', keys.holders, string.format('%.0f', now_ms), '+inf')) do
  local hold = hold_of(gate, keys, token)
  if hold then
    local label = string.match(hold.tail, '|(.*)$')
    reply[#reply + 1] = { hold.mode, hold.weight, hold.fence, hold.granted, hold.left, label }
  end
end
return reply
