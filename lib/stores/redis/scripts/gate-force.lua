-- Ends one hold at the general gate or all of them, tells the holders' processes, and lets in who fits now, under a new lineage: with the old
-- one a victim's own release would read as clean.
-- Atomic, because a victim must be told exactly when it is no longer an owner.
-- Executed twice it ends the next holders too; the caller does not repeat it after an unknown outcome.
--
-- KEYS  1 state  2 queue of the gate  3 holders  4 records
-- ARGV  1 nonce, echoed  2 keepMs  3 reason, passed to the holders  4 a fencing token, 16 digits: only the hold that issued it; or ''
-- Reply {nonce, 1, fence of the victim whose lease would have ended first, its label} or {nonce, 0}: nobody; {nonce, -12}: ask plainly, no
--       gate is open; {nonce, -9, why}, {nonce, -10, format}: as in acquire.lua
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua

local keys = { state = KEYS[1], waiting = KEYS[2], holders = KEYS[3], records = KEYS[4] }
local nonce, keep_ms, reason, only = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4]

-- Only an exclusive hold counts on for local leases: its tokens are above its fence, and not above the server's time.
local function issued(hold)
  if only == '' or only == hold.fence then return true end
  return hold.mode == 'x' and only > hold.fence and only <= now
end

return reply_at_gate(nonce, keys, { keep_ms = keep_ms }, function(gate)
  local first
  for _, token in ipairs(redis.call('ZRANGE', keys.holders, 0, -1)) do
    local hold = hold_of(gate, keys, token)
    if hold and issued(hold) then
      first = first or hold
      redis.call('PUBLISH', channel_of(hold.tail), 'L' .. token .. reason)
      leave(gate, keys, token, hold)
    end
  end
  if not first then return { 0 } end
  -- As in force.lua: above all that they may have used without having written it back.
  -- Not when only this script's own grants are ahead, for whose leases have ended: no token may exceed the clock.
  if us <= tonumber(gate.found) then gate.fence = digits(gate.fence + 1000000) end
  break_lineage(gate)
  let_in(gate, keys)
  return { 1, first.fence, string.match(first.tail, '|(.*)$') }
end)
