-- Grants a lock that has just become free to the first waiter whose process listens. No herd: one waiter is written as the owner
-- and told so with its fencing token, in this same script. PUBLISH returns the number of listeners: 0 means that the process is
-- gone, so the next one is tried.
--
-- A queue member is: owner token (22) · leaseMs (8 digits) · channel | label. Its score is its ticket: server time in
-- microseconds when it first queued, so that a waiter that comes back finds its old place.
--
-- grant: fence and lineage that it will carry, as digits · us, server time · self, a token that needs no push
-- Returns the token that was granted (or nil) and the lease it was given. A pushed grant starts with a short lease: if the push is
-- lost or the waiter is frozen it costs 5 seconds, not a full lease; the first renewal makes it longer.
local FIRST_LEASE_MS = 5000

local function promote(keys, grant)
  local carried = grant.fence .. grant.lineage .. digits(grant.us)
  while true do
    local member = redis.call('ZPOPMIN', keys.queue)[1]
    if not member then return nil end
    local token, lease_ms, tail = string.sub(member, 1, 22), tonumber(string.sub(member, 23, 30)), string.sub(member, 31)
    local granted = token == grant.self
    if not granted then
      lease_ms = math.min(lease_ms, FIRST_LEASE_MS)
      local channel = string.match(tail, '^([^|]*)|')
      local push = 'G' .. token .. carried .. string.format('%08d', lease_ms) .. keys.state
      granted = redis.call('PUBLISH', channel, push) > 0
    end
    if granted then
      local flag = redis.call('EXISTS', keys.queue) == 1 and 'H' or 'h'
      redis.call('SET', keys.state, flag .. carried .. token .. tail, 'PX', lease_ms)
      return token, lease_ms
    end
  end
end
