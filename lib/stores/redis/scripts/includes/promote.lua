-- Grants a lock that has just become free to the first waiter whose process listens. No herd: one waiter is written as the owner
-- and told so with its fencing token, in this same script. A process of which no listener is counted is gone, or listens on another
-- server: it is passed over, and told to ask for itself ('W'); one that lives finds its old place by its ticket. Where nobody can say
-- who listens, the lock is kept for the first waiter until its next poll, which finds that it is the owner.
--
-- A queue member is: owner token (22) · leaseMs (8 digits) · channel | label. Its score is its ticket: server time in
-- microseconds when it first queued, so that a waiter that comes back finds its old place.
--
-- grant: fence and lineage that it will carry, as digits · us, server time · self, a token that needs no push
-- Returns the token that was granted (or nil) and the lease it was given. A pushed grant starts with a short lease: if the push is
-- lost or the waiter is frozen it costs 5 seconds, not a full lease; the first renewal makes it longer. One that is kept for a poll,
-- which comes four times a second, has a second.
local FIRST_LEASE_MS = 5000
local KEPT_FOR_POLL_MS = 1000

local function promote(keys, grant)
  local carried = grant.fence .. grant.lineage .. digits(grant.us)
  while true do
    local member = redis.call('ZPOPMIN', keys.queue)[1]
    if not member then return nil end
    local token, lease_ms, tail = string.sub(member, 1, 22), tonumber(string.sub(member, 23, 30)), string.sub(member, 31)
    local granted = token == grant.self
    if not granted then
      local channel, listeners = channel_of(tail), listeners_on(tail)
      lease_ms = math.min(lease_ms, listeners < 0 and KEPT_FOR_POLL_MS or FIRST_LEASE_MS)
      if listeners > 0 then
        local push = 'G' .. token .. carried .. string.format('%08d', lease_ms) .. keys.state
        granted = redis.call('PUBLISH', channel, push) > 0
      else
        redis.call('PUBLISH', channel, 'W' .. token)
        granted = listeners < 0
      end
    end
    if granted then
      local flag = redis.call('EXISTS', keys.queue) == 1 and 'H' or 'h'
      redis.call('SET', keys.state, flag .. carried .. token .. tail, 'PX', lease_ms)
      return token, lease_ms
    end
  end
end
