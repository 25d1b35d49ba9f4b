-- Makes an exclusive or upgradeable hold a shared one, and lets in those who fit beside it now. It keeps its owner token, and the fencing
-- token that it used last.
-- Atomic, because between «exclusive» and «shared» nobody may take it.
-- Executed twice it answers the same: a hold that is shared already stays so.
--
-- KEYS  1 state  2 queue of format 1  3 queue of the gate  4 holders  5 records
-- ARGV  1 nonce, echoed  2 keepMs  3 owner token  4 last fencing token used under the hold, 16 digits
-- Reply {nonce, 1, fence, lineage, milliseconds left}  shared now
--       {nonce, -1} not ours · {nonce, -13} an older release waits for it · {nonce, -14, mode} of a limit, or held for what is below · {nonce, -9, why},
--       {nonce, -10, format}
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/gate.lua
--- @include includes/gate-open.lua

local keys = { state = KEYS[1], queue = KEYS[2], waiting = KEYS[3], holders = KEYS[4], records = KEYS[5] }
local keep_ms, token, used = tonumber(ARGV[2]), ARGV[3], ARGV[4]

local told = {
  keep_ms = keep_ms,
  open = function(state)
    local is_ours = state and string.byte(state) ~= 102 and owner_of(state) == token
    if not is_ours then return nil, { -1 } end
    if redis.call('PTTL', keys.state) == -1 then return nil, { -9, 'it would never run out' } end
    return open_gate(keys, state)
  end,
}
return reply_at_gate(ARGV[1], keys, told, function(gate)
  local hold = hold_of(gate, keys, token)
  if not hold then return { -1 } end
  if gate.family == 'l' or hold.mode == 'i' or hold.mode == 'I' then return { -14, hold.mode } end
  if hold.mode ~= 's' then
    leave(gate, keys, token, hold)
    if used > hold.fence then hold.fence = used end
    if hold.fence > gate.fence then gate.fence = hold.fence end
    redis.call('ZADD', keys.holders, now_ms + hold.left, token)
    hold.mode = 's'
    count(gate, 's', 1, 1)
    write_record(keys, token, hold)
    gate.family, gate.is_longer = 'r', true
    let_in(gate, keys)
  end
  return { 1, hold.fence, gate.lineage, hold.left }
end)
