-- Takes each lock if it is free or already ours; else joins its queue, or says for how long it is busy. One call carries the requests
-- that one process makes at the same time, each for a name of its own, and each is answered as if it had come alone.
-- Atomic, because «is it free», «who is next» and «take it with the next fencing token» must be one decision.
-- Executed twice it answers the same: the owner token finds its own hold, and ZADD NX its own place.
--
-- KEYS  for each request: state, queue
-- ARGV  1 nonce, echoed; then for each request one text of fixed fields:
--         1-22 owner token · 23-30 leaseMs · 31 wait, 1 or 0 · 32-47 ticket in microseconds, or zeros for a new one
--         48-55 how many may be queued · 56- channel|label
-- Reply {nonce, answer, …}, one answer for each request
--    {1, fence, lineage, ms}        granted; milliseconds the lease still runs
--    {0, ms}                        busy; milliseconds the holder's lease still runs
--    {2, ms, ticket, us}            queued; the same, ticket, server time in microseconds
--    {4, ms}                        not queued: too many are
--    {-9, why}                      conflict: the key is not a lock
--    {-8, error}                    refused by the server, as it would have refused the command alone
--- @include includes/state.lua
--- @include includes/promote.lua
--- @include includes/queue.lua
--- @include includes/batch.lua

local us = now_us()

local function most_queued(request) return tonumber(string.sub(request, 48, 55)) end

local function grant(state_key, request, fence, lineage)
  local lease_ms = tonumber(string.sub(request, 23, 30))
  local owner = string.sub(request, 1, 22) .. string.sub(request, 56)
  redis.call('SET', state_key, 'h' .. fence .. lineage .. digits(us) .. owner, 'PX', lease_ms)
  return { 1, fence, lineage, lease_ms }
end

local function acquire_held(state, keys, request)
  local left = redis.call('PTTL', keys.state)
  if left == -1 then return { -9, 'it would never run out' } end
  if owner_of(state) == string.sub(request, 1, 22) then return { 1, fence_of(state), lineage_of(state), left } end
  if string.byte(request, 31) == 48 then return { 0, left } end
  local ticket = join_queue(keys.queue, request, us, most_queued(request))
  if not ticket then return { 4, left } end
  if string.byte(state) == 104 then redis.call('SETRANGE', keys.state, 0, 'H') end -- keeps the lease
  return { 2, left, ticket, digits(us) }
end

-- No key: never used, or the holder's lease ran out. A new lineage begins at the server's time, which no token issued before
-- exceeds. Those who were queued are first.
local function acquire_unknown(keys, request)
  local fence = digits(us)
  if redis.call('EXISTS', keys.queue) == 0 then return grant(keys.state, request, fence, fence) end
  local token, waits = string.sub(request, 1, 22), string.byte(request, 31) == 49
  local ticket = waits and join_queue(keys.queue, request, us, most_queued(request))
  local winner, winner_ms = promote(keys, { fence = fence, lineage = fence, us = us, self = token })
  if not winner then return grant(keys.state, request, fence, fence) end
  if winner == token then return { 1, fence, fence, winner_ms } end
  if ticket then return { 2, winner_ms, ticket, digits(us) } end
  return { waits and 4 or 0, winner_ms }
end

return for_each_request(2, function(index, request)
  local keys = { state = KEYS[index * 2 - 1], queue = KEYS[index * 2] }
  local state = redis.call('GET', keys.state)
  if not state then return acquire_unknown(keys, request) end
  if not is_lock(state) then return { -9, 'its value is not a lock' } end
  if string.byte(state) ~= 102 then return acquire_held(state, keys, request) end
  -- Free since a clean release, and then nobody is queued.
  return grant(keys.state, request, next_fence(fence_of(state), us), lineage_of(state))
end)
