-- Offers what has just become free to one waiter, by push: who listens is told so with its fencing token. A process of which no listener is
-- counted is gone, or listens on another server: it is told to ask for itself ('W'), and gets nothing. Where nobody can say who listens,
-- the waiter gets it without having been told, until its next poll finds that it is the owner.
--
-- carried: fence, lineage and server time of the grant, 16 digits each
-- Returns whether it has it, and the lease it was given. A pushed grant starts with a short lease: if the push is lost or the waiter is
-- frozen it costs 5 seconds, not a full lease; the first renewal makes it longer. One that is kept for a poll, which comes four times
-- a second, has a second.
local FIRST_LEASE_MS = 5000
local KEPT_FOR_POLL_MS = 1000

local function offer(state_key, token, tail, lease_ms, carried)
  local channel, listeners, granted = channel_of(tail), listeners_on(tail), false
  lease_ms = math.min(lease_ms, listeners < 0 and KEPT_FOR_POLL_MS or FIRST_LEASE_MS)
  if listeners > 0 then
    local push = 'G' .. token .. carried .. string.format('%08d', lease_ms) .. state_key
    granted = redis.call('PUBLISH', channel, push) > 0
  else
    redis.call('PUBLISH', channel, 'W' .. token)
    granted = listeners < 0
  end
  return granted, lease_ms
end
