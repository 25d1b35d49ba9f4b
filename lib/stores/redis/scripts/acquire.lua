-- Takes each lock if it is free or already ours; else joins its queue, or says for how long it is busy. One call carries the requests
-- that one process makes at the same time, each for a name of its own, and each is answered as if it had come alone.
-- Atomic, because «is it free», «who is next» and «take it with the next fencing token» must be one decision.
-- Executed twice it answers the same: the owner token finds its own hold, and ZADD NX its own place.
--
-- KEYS  for each request: state, queue
-- ARGV  1 nonce, echoed; then for each request one text of fixed fields:
--         1-22 owner token · 23-30 leaseMs · 31 wait, 1 or 0 · 32-47 ticket in microseconds, or zeros for a new one
--         48-55 how many may be queued · 56- channel|label, see listeners.lua
-- Reply {nonce, answer, …}, one answer for each request: a text, because a table in a table costs server and client more than the rest
--    1 fence lineage ms        granted; milliseconds the lease still runs
--    0 ms                      busy; milliseconds the holder's lease still runs
--    2 ms ticket us listeners  queued; the same, ticket, server time in microseconds, how many listen on this channel here (-1: not told)
--    4 ms                      not queued: too many are
--    -9 why                    conflict: the key is not a lock
--    -10 format                a lock in a later format
--    -8 error                  refused by the server, as it would have refused the command alone
local time = redis.call('TIME')
local now = time[1] .. string.sub('00000' .. time[2], -6) -- microseconds, 16 digits
local reply, others = { ARGV[1] }, nil

-- The usual case first, before anything else is even defined: it takes half of the server's time so. Free without a trace, or since a
-- clean release ('f'); and nobody is queued.
for index = 2, #ARGV do
  local key, request = KEYS[index * 2 - 3], ARGV[index]
  local state = redis.pcall('GET', key)
  local fence, lineage
  if not state then
    -- Never used, or the holder's lease ran out. A new lineage begins at the server's time, which no token issued before exceeds.
    if redis.call('EXISTS', KEYS[index * 2 - 2]) == 0 then
      fence, lineage = now, now
    end
  elseif type(state) == 'string' and #state == 33 and string.byte(state) == 102 and string.sub(state, 2, 17) < now then
    fence, lineage = now, string.sub(state, 18, 33)
  end
  local done
  if fence then
    local lease_ms = string.match(string.sub(request, 23, 30), '[1-9].*') -- as a text: a number would be printed again for SET
    local owner = string.sub(request, 1, 22)
    done = redis.pcall('SET', key, 'h' .. fence .. lineage .. now .. owner .. string.sub(request, 56), 'PX', lease_ms)
    if done.ok then reply[index] = '1 ' .. fence .. ' ' .. lineage .. ' ' .. lease_ms end
  end
  if not (done and done.ok) then
    others = others or {}
    others[#others + 1] = index
  end
end
if not others then return reply end

--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/promote.lua
--- @include includes/queue.lua
--- @include includes/batch.lua

local us = tonumber(now)

local function grant(state_key, request, fence, lineage)
  local lease_ms = tonumber(string.sub(request, 23, 30))
  local owner = string.sub(request, 1, 22) .. string.sub(request, 56)
  redis.call('SET', state_key, 'h' .. fence .. lineage .. now .. owner, 'PX', lease_ms)
  return { 1, fence, lineage, lease_ms }
end

local function queued(left, ticket, request)
  return { 2, left, ticket, now, listeners_on(string.sub(request, 56)) }
end

local function join(keys, request)
  return join_queue(keys.queue, request, us, tonumber(string.sub(request, 48, 55)))
end

local function acquire_held(state, keys, request)
  local left = redis.call('PTTL', keys.state)
  if left == -1 then return { -9, 'it would never run out' } end
  if owner_of(state) == string.sub(request, 1, 22) then return { 1, fence_of(state), lineage_of(state), left } end
  if string.byte(request, 31) == 48 then return { 0, left } end
  local ticket = join(keys, request)
  if not ticket then return { 4, left } end
  if string.byte(state) == 104 then redis.call('SETRANGE', keys.state, 0, 'H') end -- keeps the lease
  return queued(left, ticket, request)
end

-- The holder's lease ran out. Those who were queued are first.
local function acquire_unknown(keys, request)
  if redis.call('EXISTS', keys.queue) == 0 then return grant(keys.state, request, now, now) end
  local token, waits = string.sub(request, 1, 22), string.byte(request, 31) == 49
  local ticket = waits and join(keys, request)
  local winner, winner_ms = promote(keys, { fence = now, lineage = now, us = us, self = token })
  if not winner then return grant(keys.state, request, now, now) end
  if winner == token then return { 1, now, now, winner_ms } end
  if ticket then return queued(winner_ms, ticket, request) end
  return { waits and 4 or 0, winner_ms }
end

return answer_others(reply, others, function(keys, request)
  local state = redis.call('GET', keys.state)
  if not state then return acquire_unknown(keys, request) end
  if not is_lock(state) then return { not_ours(state) } end
  if string.byte(state) ~= 102 then return acquire_held(state, keys, request) end
  -- Free, but the server's clock was set back, or its memory is full.
  return grant(keys.state, request, next_fence(fence_of(state), us), lineage_of(state))
end)
