-- Takes each lock if it is free or already ours; else joins its queue, or says for how long it is busy. One call carries the requests
-- that one process makes at the same time, each for a name of its own, and each is answered as if it had come alone.
-- Atomic, because «is it free», «who is next» and «take it with the next fencing token» must be one decision.
-- Executed twice it answers the same: the owner token finds its own hold, and ZADD NX its own place.
--
-- KEYS  the states of all requests, then their queues
-- ARGV  1 the terms, when all requests have the same, and a nonce; echoed. Then for each request: its terms, when they differ; its owner
--         terms  1-8 leaseMs · 9 'w' waits, '-' does not · 10-25 ticket in microseconds, or zeros for a new one
--                26-33 how many may be queued
--         owner  1-22 owner token · 23- channel|label, see listeners.lua. As it stands in a state
-- Reply a text: ARGV 1 and the server time in microseconds, 16 digits. Then, unless each was granted as in the first line, one line each:
--    (empty)                   granted as asked; fence and lineage are that time
--    lineage                   the same, in the lineage of those before
--    1 fence lineage ms        granted; milliseconds the lease still runs
--    0 ms                      busy; milliseconds the holder's lease still runs
--    2 ms ticket us listeners  queued; the same, ticket, server time in microseconds, how many listen on this channel here (-1: not told)
--    4 ms                      not queued: too many are
--    -9 why                    conflict: the key is not a lock
--    -10 format                a lock in a later format
--    -11 format                ask the gate: shared, upgradeable or limited just now, see PROTOCOL.md
--    -8 error                  refused by the server, as it would have refused the command alone
-- One text, because a table costs server and client more than the rest; and what is as usual is not said at all.
local time = redis.call('TIME')
local seconds, micros = time[1], time[2]
if #micros < 6 then micros = string.sub('00000' .. micros, -6) end
local now = seconds .. micros -- microseconds, 16 digits

local count = #KEYS / 2
local each = (#ARGV - 1) / count
local shared_ms = each == 1 and string.match(ARGV[1], '[1-9]%d*') -- as a text: a number would be printed again for SET
local answers, others, none_queued, earlier

-- The usual case first, before anything else is even defined: it takes half of the server's time so. Free without a trace, or since a
-- clean release ('f'); and nobody is queued.
for index = 1, count do
  local key, lineage = KEYS[index], nil
  local state = redis.pcall('GET', key)
  if not state then
    -- Never used, or the holder's lease ran out. A new lineage begins at the server's time, which no token issued before exceeds.
    -- Whether anybody is queued is asked for all names at once, and one by one only when somebody is somewhere.
    if none_queued == nil then none_queued = redis.call('EXISTS', unpack(KEYS, count + 1)) == 0 end
    if none_queued or redis.call('EXISTS', KEYS[count + index]) == 0 then lineage = now end
  elseif #state == 33 and string.byte(state) == 102 then
    earlier = earlier or 'f' .. now
    if state < earlier then lineage = string.sub(state, 18, 33) end
  end
  local done
  if lineage then
    local owner, lease_ms = ARGV[1 + index * each], shared_ms or string.match(ARGV[index * 2], '[1-9]%d*')
    done = redis.pcall('SET', key, 'h' .. now .. lineage .. now .. owner, 'PX', lease_ms)
    if done.ok and lineage ~= now then
      answers = answers or {}
      answers[index] = lineage
    end
  end
  if not (done and done.ok) then
    others = others or {}
    others[#others + 1] = index
  end
end
if not others then
  if not answers then return ARGV[1] .. now end
  for index = 1, count do answers[index] = answers[index] or '' end
  return ARGV[1] .. now .. '\n' .. table.concat(answers, '\n')
end

--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/promote.lua
--- @include includes/queue.lua
--- @include includes/batch.lua

local us = tonumber(now)

local function grant(state_key, terms, owner, fence, lineage)
  local lease_ms = tonumber(string.sub(terms, 1, 8))
  redis.call('SET', state_key, 'h' .. fence .. lineage .. now .. owner, 'PX', lease_ms)
  return { 1, fence, lineage, lease_ms }
end

local function queued(left, ticket, owner)
  return { 2, left, ticket, now, listeners_on(string.sub(owner, 23)) }
end

local function join(keys, terms, owner)
  return join_queue(keys.queue, terms, owner, us, tonumber(string.sub(terms, 26, 33)))
end

local function waits(terms) return string.byte(terms, 9) == 119 end

local function acquire_held(state, keys, terms, owner)
  local left = redis.call('PTTL', keys.state)
  if left == -1 then return { -9, 'it would never run out' } end
  if owner_of(state) == string.sub(owner, 1, 22) then return { 1, fence_of(state), lineage_of(state), left } end
  if not waits(terms) then return { 0, left } end
  local ticket = join(keys, terms, owner)
  if not ticket then return { 4, left } end
  if string.byte(state) == 104 then redis.call('SETRANGE', keys.state, 0, 'H') end -- keeps the lease
  return queued(left, ticket, owner)
end

-- The holder's lease ran out. Those who were queued are first.
local function acquire_unknown(keys, terms, owner)
  if redis.call('EXISTS', keys.queue) == 0 then return grant(keys.state, terms, owner, now, now) end
  local token = string.sub(owner, 1, 22)
  local ticket = waits(terms) and join(keys, terms, owner)
  local winner, winner_ms = promote(keys, { fence = now, lineage = now, us = us, self = token })
  if not winner then return grant(keys.state, terms, owner, now, now) end
  if winner == token then return { 1, now, now, winner_ms } end
  if ticket then return queued(winner_ms, ticket, owner) end
  return { waits(terms) and 4 or 0, winner_ms }
end

return answer_others(ARGV[1] .. now, { answers = answers, others = others, own = 1 }, function(keys, terms, owner)
  local state = redis.call('GET', keys.state)
  if not state then return acquire_unknown(keys, terms, owner) end
  if not is_lock(state) then return { not_ours(state) } end
  if string.byte(state) ~= 102 then return acquire_held(state, keys, terms, owner) end
  -- Free, but the server's clock was set back, or its memory is full.
  return grant(keys.state, terms, owner, next_fence(fence_of(state), us), lineage_of(state))
end)
