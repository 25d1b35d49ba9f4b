-- The end of a cohort slice: gives the lock to the next process and queues the caller again under a new token, or keeps it when
-- nobody else waits.
-- Atomic, because «does anybody wait» must be asked where it is known, and between «it is theirs» and «we are queued again» no
-- turn may be lost.
-- Executed twice it answers the same: once the hold has a newer fence than the caller knew, an earlier copy of this same command
-- has kept it. So a copy that arrives late can never give away what its caller uses again; and once the token is not the owner's,
-- the lineage tells whether an earlier copy passed it on (then the new token has its place already) or it was lost.
--
-- KEYS  for each hold: state, queue
-- ARGV  1 nonce, echoed; then for each hold one text of fixed fields:
--         1-22 owner token · 23-38 fence of the hold as known · 39-54 lineage · 55-70 last fencing token used under the hold
--         71- the request for the new place, as in acquire.lua
-- Reply {nonce, answer, …}, one answer for each hold, a text as in acquire.lua
--    1 fence lineage ms   kept; milliseconds the lease runs now
--    2 ms ticket us listeners   yielded and queued again, as in acquire.lua
--    3                    had been yielded before
--    -1                   refused: not ours    -8 error, refused by the server
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/promote.lua
--- @include includes/queue.lua
--- @include includes/batch.lua

local numbers = {}
for number = 2, #ARGV do numbers[number - 1] = number end

return answer_others({ ARGV[1] }, numbers, function(keys, ending)
  local token, known, lineage = string.sub(ending, 1, 22), string.sub(ending, 23, 38), string.sub(ending, 39, 54)
  local used, request = string.sub(ending, 55, 70), string.sub(ending, 71)

  local state = redis.call('GET', keys.state)
  if not (state and is_lock(state) and owner_of(state) == token) then
    if state and is_lock(state) and lineage_of(state) == lineage and fence_of(state) >= used then return { 3 } end
    return { -1 }
  end
  local left = redis.call('PTTL', keys.state)
  if fence_of(state) ~= known then return { 1, fence_of(state), lineage_of(state), left } end

  left = math.max(left, tonumber(string.sub(request, 23, 30)))
  redis.call('PEXPIRE', keys.state, left) -- a first write that is allowed when memory is full; see release.lua
  local us = now_us()
  local fence = next_fence(used, us)
  if string.byte(state) == 72 then -- somebody may be queued
    local winner, winner_ms = promote(keys, { fence = fence, lineage = lineage, us = us })
    if winner then
      local ticket = join_queue(keys.queue, request, us)
      redis.call('SETRANGE', keys.state, 0, 'H')
      return { 2, winner_ms, ticket, digits(us), listeners_on(string.sub(request, 56)) }
    end
  end
  redis.call('SET', keys.state, 'h' .. fence .. lineage .. string.sub(state, 34, 71) .. string.sub(request, 56), 'PX', left)
  return { 1, fence, lineage, left }
end)
