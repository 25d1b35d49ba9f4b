-- The end of a cohort slice: gives the lock to the next process and queues the caller again under a new token, or keeps it when
-- nobody else waits.
-- Atomic, because «does anybody wait» must be asked where it is known, and between «it is theirs» and «we are queued again» no
-- turn may be lost.
-- Executed twice it answers the same: once the hold has a newer fence than the caller knew, an earlier copy of this same command
-- has kept it. So a copy that arrives late can never give away what its caller uses again; and once the token is not the owner's,
-- the lineage tells whether an earlier copy passed it on (then the new token has its place already) or it was lost.
--
-- KEYS  the states of all holds, then their queues
-- ARGV  1 the terms, when all have the same, and a nonce; echoed. Then for each hold: its terms, when they differ; hold; owner
--         terms, owner  of the request for the new place, as in acquire.lua
--         hold          1-22 owner token · 23-38 fence of the hold as known · 39-54 lineage · 55-70 last fencing token used under it
-- Reply a text: ARGV 1, then one line each:
--    1 fence lineage ms   kept; milliseconds the lease runs now
--    2 ms ticket us listeners   yielded and queued again, as in acquire.lua
--    3                    had been yielded before
--    -1                   refused: not ours    -8 error, refused by the server    -11 format: ask the gate
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/promote.lua
--- @include includes/queue.lua
--- @include includes/batch.lua

return answer_others(ARGV[1], { own = 2 }, function(keys, terms, hold, owner)
  local token, known, lineage = string.sub(hold, 1, 22), string.sub(hold, 23, 38), string.sub(hold, 39, 54)
  local used = string.sub(hold, 55, 70)

  local state = redis.call('GET', keys.state)
  if not (state and is_lock(state) and owner_of(state) == token) then
    if is_at_gate(state) then return { -11, '2' } end
    if state and is_lock(state) and lineage_of(state) == lineage and fence_of(state) >= used then return { 3 } end
    return { -1 }
  end
  local left = redis.call('PTTL', keys.state)
  if fence_of(state) ~= known then return { 1, fence_of(state), lineage_of(state), left } end

  left = math.max(left, tonumber(string.sub(terms, 1, 8)))
  redis.call('PEXPIRE', keys.state, left) -- a first write that is allowed when memory is full; see release.lua
  local us = now_us()
  local fence = next_fence(used, us)
  if string.byte(state) == 72 then -- somebody may be queued
    local winner, winner_ms = promote(keys, { fence = fence, lineage = lineage, us = us })
    if winner then
      local ticket = join_queue(keys.queue, terms, owner, us)
      redis.call('SETRANGE', keys.state, 0, 'H')
      return { 2, winner_ms, ticket, digits(us), listeners_on(string.sub(owner, 23)) }
    end
  end
  redis.call('SET', keys.state, 'h' .. fence .. lineage .. string.sub(state, 34, 71) .. string.sub(owner, 23), 'PX', left)
  return { 1, fence, lineage, left }
end)
