-- Grants a lock that has just become free to the first waiter whose process listens. No herd: one waiter is written as the owner
-- and told so with its fencing token, in this same script (offer.lua). Who cannot be told is passed over; one that lives finds its old
-- place by its ticket.
--
-- A queue member is: owner token (22) · leaseMs (8 digits) · channel | label. Its score is its ticket: server time in
-- microseconds when it first queued, so that a waiter that comes back finds its old place.
--
-- grant: fence and lineage that it will carry, as digits · us, server time · self, a token that needs no push
-- Returns the token that was granted (or nil) and the lease it was given.
local function promote(keys, grant)
  local carried = grant.fence .. grant.lineage .. digits(grant.us)
  while true do
    local member = redis.call('ZPOPMIN', keys.queue)[1]
    if not member then return nil end
    local token, lease_ms, tail = string.sub(member, 1, 22), tonumber(string.sub(member, 23, 30)), string.sub(member, 31)
    local granted = token == grant.self
    if not granted then granted, lease_ms = offer(keys.state, token, tail, lease_ms, carried) end
    if granted then
      local flag = redis.call('EXISTS', keys.queue) == 1 and 'H' or 'h'
      redis.call('SET', keys.state, flag .. carried .. token .. tail, 'PX', lease_ms)
      return token, lease_ms
    end
  end
end
