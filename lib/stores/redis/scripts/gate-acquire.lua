-- Takes locks of every kind at the general gate, as acquire.lua does for those that nobody shares: granted, queued, or busy.
-- Atomic, because «does it fit beside those who hold it», «who is next» and «take it with the next fencing token» must be one decision.
-- Executed twice it answers the same: the owner token finds its own hold, and ZADD NX its own place.
--
-- KEYS  of each request: the states, then the queues of format 1, the queues of the gate, the holders, the records, the stored limits
-- ARGV  1 the terms, when all requests have the same, and a nonce; echoed. Then for each request: its terms, when they differ; its owner
--         terms  1-10 leaseMs · 11 'w' waits, '-' does not · 12-27 ticket in microseconds, or zeros for a new one · 28-35 how many may be
--                queued · 36 mode: x s u l i I · 37-46 weight · 47-56 limit, zeros for none · 57-64 keepMs
--         owner  1-22 owner token · 23- channel|label, see listeners.lua
-- Reply a text: ARGV 1, then one line each:
--    1 fence lineage ms limit  granted; milliseconds the lease still runs, and the limit in force (0: none)
--    0 ms                      busy; milliseconds until the first of the leases ends
--    2 ms ticket us listeners limit   queued; the same, ticket, server time in microseconds, how many listen on this channel here (-1: not
--                              told), the limit in force
--    4 ms                      not queued: too many are
--    -9 why, -10 format        as in acquire.lua
--    -12                       ask plainly: exclusive, and format 1 does for it
--    -13                       an older release has the lock, or waits for it, and cannot share it
--    -14 family                limited ('l') and shared ('r') at once
--    -15 limit                 the weight is above the limit
--    -8 error                  refused by the server, as it would have refused the command alone
--- @include includes/state.lua
--- @include includes/listeners.lua
--- @include includes/offer.lua
--- @include includes/queue.lua
--- @include includes/gate.lua
--- @include includes/gate-open.lua
--- @include includes/batch.lua

-- The longest lease that has room in format 1.
local LONGEST_PLAIN_MS = 99999999

local function parse_request(terms, owner)
  return {
    token = string.sub(owner, 1, 22),
    tail = string.sub(owner, 23),
    member = string.sub(owner, 1, 22) .. string.sub(terms, 1, 10) .. string.sub(terms, 36, 46) .. string.sub(owner, 23),
    lease_ms = tonumber(string.sub(terms, 1, 10)),
    waits = string.byte(terms, 11) == 119,
    ticket = string.sub(terms, 12, 27),
    most = tonumber(string.sub(terms, 28, 35)),
    mode = string.sub(terms, 36, 36),
    weight = tonumber(string.sub(terms, 37, 46)),
    limit = tonumber(string.sub(terms, 47, 56)),
    keep_ms = tonumber(string.sub(terms, 57, 64)),
  }
end

-- Opens the gate for a request that is granted or queued; one that would be answered otherwise leaves format 1 as it is. But for one that
-- finds waiters and nobody who holds: these are first, and those among them that are gone must not make it «busy» for nobody.
local function open_for(keys, request, state)
  if request.mode == 'x' and request.lease_ms <= LONGEST_PLAIN_MS then return nil, { -12 } end
  local is_held = state and string.byte(state) ~= 102
  if not is_held and redis.call('EXISTS', keys.queue, keys.waiting, keys.holders, keys.records) == 0 then
    local gate = new_gate(state)
    gate.is_fresh, gate.is_waited_for = true, false
    return gate
  end
  local left = is_held and redis.call('PTTL', keys.state) or 0
  if left == -1 then return nil, { -9, 'it would never run out' } end
  local waiting = redis.call('ZCARD', keys.queue)
  if is_held and not request.waits then return nil, { 0, left } end
  if (is_held or waiting > 0) and request.waits and waiting >= request.most and request.ticket == '0000000000000000' then
    return nil, { 4, left }
  end
  local gate, answer = open_gate(keys, state)
  if gate and not request.waits then let_in(gate, keys) end
  -- Its process may have been told by yield.lua that nobody waits, and passes the lock on for longer therefore.
  if gate and is_held then redis.call('PUBLISH', channel_of(string.sub(state, 72)), 'S' .. owner_of(state)) end
  return gate, answer
end

local function granted(gate, hold)
  return { 1, hold.fence, gate.lineage, hold.left, hold.mode == 'l' and gate.limit or 0 }
end

-- The limit for this request: one that an operator has set wins, then that of the gate.
local function limit_for(keys, request, gate)
  if request.mode ~= 'l' then return 0 end
  if request.stored == nil then request.stored = redis.call('GET', keys.limit) end
  return tonumber(request.stored or gate and gate.family == 'l' and gate.limit or request.limit)
end

-- It holds, or waits: from now on the gate is of its kind.
local function enrol(gate, mode, limit)
  if mode == 'l' then
    gate.family, gate.limit = 'l', limit
  elseif mode ~= 'x' and gate.family == '-' then
    gate.family = 'r'
  end
  gate.changed = true
end

local function acquire(gate, keys, request, limit)
  local mode, weight = request.mode, request.weight
  local own = not gate.is_fresh and hold_of(gate, keys, request.token) -- a duplicate, or a grant whose push was lost
  if own then return granted(gate, own) end
  if (mode == 'l' and gate.family == 'r') or (mode ~= 'l' and mode ~= 'x' and gate.family == 'l') then
    return { -14, gate.family }
  end
  if gate.is_waited_for == nil then gate.is_waited_for = redis.call('EXISTS', keys.waiting) == 1 end
  if not gate.is_waited_for and fits(gate, mode, weight, limit) then
    own = admit(gate, keys, request, request.lease_ms)
    enrol(gate, mode, limit)
    return granted(gate, own)
  end
  if not request.waits then return { 0, next_end(gate, keys) } end
  local ticket = take_place(keys.waiting, request.member, request.ticket, us, request.most)
  if not ticket then return { 4, next_end(gate, keys) } end
  enrol(gate, mode, limit)
  let_in(gate, keys, request.token)
  own = hold_of(gate, keys, request.token)
  if own then return granted(gate, own) end
  return { 2, next_end(gate, keys), ticket, now, listeners_on(request.tail), mode == 'l' and gate.limit or 0 }
end

local names = { 'state', 'queue', 'waiting', 'holders', 'records', 'limit' }
return answer_others(ARGV[1], { own = 1, names = names }, function(keys, terms, owner)
  local request = parse_request(terms, owner)
  local told = {
    keep_ms = request.keep_ms,
    self = request.token,
    open = function(state)
      local limit = limit_for(keys, request)
      if request.mode == 'l' and request.weight > limit then return nil, { -15, limit } end
      return open_for(keys, request, state)
    end,
  }
  return at_gate(keys, told, function(gate)
    local limit = limit_for(keys, request, gate)
    if request.mode ~= 'l' or request.weight <= limit or hold_of(gate, keys, request.token) then
      return acquire(gate, keys, request, limit)
    end
    if redis.call('ZREM', keys.waiting, request.member) == 1 then -- the limit was lowered while it waited
      gate.changed = true
      let_in(gate, keys)
    end
    return { -15, limit }
  end)
end)
