-- Makes many holds last longer; one command for a whole batch.
-- Atomic per hold: the owner is compared in the same step. Never shortens a lease, so a late duplicate does no harm.
--
-- KEYS  the states
-- ARGV  1 nonce, echoed; then for each key three: owner token · leaseMs · fence and lineage as known (32 digits)
-- Reply {nonce, answer, …}, one answer for each key
--    {1, milliseconds left}                  renewed
--    {1, milliseconds left, fence, lineage}  renewed, and the grant is newer than the caller knows
--    {-1}                                    lost: not ours
--    {-11, format}                           ask the gate, see PROTOCOL.md
--- @include includes/state.lua

local reply = { ARGV[1] }
for index, key in ipairs(KEYS) do
  local token, lease_ms, grant = ARGV[index * 3 - 1], tonumber(ARGV[index * 3]), ARGV[index * 3 + 1]
  local state = redis.pcall('GET', key) -- pcall: a key of another type is one lost hold, not a failed batch
  if type(state) == 'string' and is_lock(state) and owner_of(state) == token then
    local left = redis.call('PTTL', key)
    if left < lease_ms then
      redis.call('PEXPIRE', key, lease_ms)
      left = lease_ms
    end
    if string.sub(state, 2, 33) == grant then
      reply[index + 1] = { 1, left }
    else
      reply[index + 1] = { 1, left, fence_of(state), lineage_of(state) }
    end
  else
    reply[index + 1] = is_at_gate(state) and { -11, '2' } or { -1 }
  end
end
return reply
