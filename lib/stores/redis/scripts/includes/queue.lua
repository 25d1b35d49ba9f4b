-- Joins a queue, or finds the place that this member already has; returns the ticket (16 digits), nil when the queue is full.
-- ticket: zeros for a new one. most: how many may be queued, nil for any number. The queue is full for newcomers only: who has a place,
-- or comes back with an old ticket (a reconnect, a lost queue), keeps its turn.
local function take_place(queue_key, member, ticket, us, most)
  if ticket == '0000000000000000' then
    if most and redis.call('ZCARD', queue_key) >= most and not redis.call('ZSCORE', queue_key, member) then
      return nil
    end
    ticket = digits(us)
  end
  if redis.call('ZADD', queue_key, 'NX', ticket, member) == 0 then
    ticket = digits(tonumber(redis.call('ZSCORE', queue_key, member)))
  end
  -- Waiters that live poll every few seconds and so keep the queue; one of the dead alone goes away.
  redis.call('PEXPIRE', queue_key, 90000)
  return ticket
end

-- The same in format 1. Terms and owner are those of a request, see acquire.lua.
local function join_queue(queue_key, terms, owner, us, most)
  local member = string.sub(owner, 1, 22) .. string.sub(terms, 1, 8) .. string.sub(owner, 23)
  return take_place(queue_key, member, string.sub(terms, 10, 25), us, most)
end
