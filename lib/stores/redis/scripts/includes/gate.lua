-- The general gate of a name, format 2: who holds it, who fits beside them, and who is let in. PROTOCOL.md has the format and the rules.
--
-- A script works on a table that is made from the state, and changes it beside each write; at_gate writes the state back whatever the
-- script answers then, also when it fails half-way: counters that are kept must never be left behind what they count.
local us = now_us()
local now, now_ms = digits(us), math.floor(us / 1000)

-- Found in the state key: the gate; or nil, the answer about it, and what lies there when that is format 1 (nil: nothing).
local function find_gate(keys)
  local state = redis.call('GET', keys.state)
  if not state or is_lock(state) then return nil, { -12 }, state end
  local family = string.match(state, '^v2:%d+([-rl])%d+$')
  if #state ~= 78 or not family then
    if is_at_gate(state) then return nil, { -9, 'its value is not a lock' } end
    return nil, { not_ours(state) }
  end
  local function number(from) return tonumber(string.sub(state, from, from + 9)) end
  return {
    fence = string.sub(state, 4, 19),
    found = string.sub(state, 4, 19), -- the fence as it was before this script
    lineage = string.sub(state, 20, 35),
    family = family,
    limit = number(37),
    used = number(47),
    is = number(57),
    ix = number(67),
    u = string.sub(state, 77, 77) == '1',
    x = string.sub(state, 78, 78) == '1',
  }
end

-- Its counters with one holder more (1) or less (-1).
local function count(gate, mode, weight, by)
  if mode == 'x' then
    gate.x = by > 0
  elseif mode == 'i' then
    gate.is = gate.is + by
  elseif mode == 'I' then
    gate.ix = gate.ix + by
  else
    gate.used = gate.used + weight * by
    if mode == 'u' then gate.u = by > 0 end
  end
  gate.changed = true
end

-- By the counters; they are wrong when records or holders were lost without us, see purge.
local function is_held(gate) return gate.used > 0 or gate.x or gate.is > 0 or gate.ix > 0 end

local function parse_record(record)
  return {
    fence = string.sub(record, 1, 16),
    granted = string.sub(record, 17, 32),
    mode = string.sub(record, 33, 33),
    weight = tonumber(string.sub(record, 34, 43)),
    tail = string.sub(record, 44),
  }
end

local function write_record(keys, token, hold)
  redis.call('HSET', keys.records, token, hold.fence .. hold.granted .. hold.mode .. string.format('%010d', hold.weight) .. hold.tail)
end

-- An upgrade's place in the queue. It has no lease of its own.
local function upgrade_member(token, tail) return token .. '0000000000U0000000001' .. tail end

-- Ends one hold, and its wait for an upgrade.
local function leave(gate, keys, token, hold)
  redis.call('ZREM', keys.holders, token)
  redis.call('HDEL', keys.records, token)
  count(gate, hold.mode, hold.weight, -1)
  gate.longest_left = math.max(gate.longest_left or 0, hold.left or 0)
  if hold.mode == 'u' then redis.call('ZREM', keys.waiting, upgrade_member(token, hold.tail)) end
end

-- From here on whoever held before is told «lost», not «ended cleanly»: nobody's lineage is this one. A token is spent for it.
local function break_lineage(gate)
  gate.fence = next_fence(gate.fence, us)
  gate.lineage = gate.fence
  gate.changed = true
end

-- What is left when records or holders were lost without us (an eviction, an operator): count anew, so that nobody waits for a ghost.
local function recount(gate, keys)
  gate.used, gate.is, gate.ix, gate.u, gate.x, gate.is_odd = 0, 0, 0, false, false, true
  for _, token in ipairs(redis.call('ZRANGE', keys.holders, 0, -1)) do
    local record = redis.call('HGET', keys.records, token)
    if record then
      local hold = parse_record(record)
      count(gate, hold.mode, hold.weight, 1)
    else
      redis.call('ZREM', keys.holders, token)
    end
  end
  break_lineage(gate)
end

-- Takes out those whose lease has ended. Returns whether anybody was.
local function purge(gate, keys)
  -- One look is enough as a rule: the first to end has not ended, or nobody holds and nobody should.
  local first = redis.call('ZRANGE', keys.holders, 0, 0, 'WITHSCORES')
  gate.first, gate.first_ends = first[1], tonumber(first[2])
  if gate.first and gate.first_ends >= now_ms then return false end
  if not gate.first and not is_held(gate) then return false end

  local over = redis.call('ZRANGEBYSCORE', keys.holders, '-inf', '(' .. string.format('%.0f', now_ms))
  local is_whole = true
  for _, token in ipairs(over) do
    local record = redis.call('HGET', keys.records, token)
    is_whole = is_whole and record
    if record then leave(gate, keys, token, parse_record(record)) else redis.call('ZREM', keys.holders, token) end
  end
  is_whole = is_whole and (not is_held(gate) or redis.call('EXISTS', keys.holders) == 1)
  if not is_whole then recount(gate, keys) elseif #over > 0 then break_lineage(gate) end
  return #over > 0 or not is_whole
end

-- The hold of this token, with the end of its lease; nil: it has none.
local function hold_of(gate, keys, token)
  local ends_ms = not gate.changed and token == gate.first and gate.first_ends or redis.call('ZSCORE', keys.holders, token)
  local record = ends_ms and redis.call('HGET', keys.records, token)
  if not record then return nil end
  local hold = parse_record(record)
  hold.left = tonumber(ends_ms) - now_ms
  return hold
end

-- Until the first of the leases ends, in milliseconds: then it may be somebody else's turn.
local function next_end(gate, keys)
  local first = gate.first_ends
  if gate.changed then first = tonumber(redis.call('ZRANGE', keys.holders, 0, 0, 'WITHSCORES')[2]) end
  return first and first - now_ms or 0
end

-- limit: of a gate that has none yet
local function fits(gate, mode, weight, limit)
  if gate.x then return false end
  if mode == 'x' then return gate.used == 0 and gate.is == 0 and gate.ix == 0 end
  if mode == 'l' then return gate.used + weight <= (limit or gate.limit) end
  if mode == 'U' then return gate.u and gate.used == 1 and gate.is == 0 and gate.ix == 0 end
  if mode == 'i' then return true end
  if mode == 'I' then return gate.used == 0 end
  return gate.ix == 0 and (mode == 's' or not gate.u)
end

-- A new hold, under a new fence; returned. request: token, mode, weight, tail
local function admit(gate, keys, request, lease_ms)
  local fence = next_fence(gate.fence, us)
  redis.call('ZADD', keys.holders, now_ms + lease_ms, request.token)
  gate.fence, gate.is_longer = fence, true
  gate.last_ends = gate.is_fresh and now_ms + lease_ms
  count(gate, request.mode, request.weight, 1)
  local hold = { fence = fence, granted = now, mode = request.mode, weight = request.weight, tail = request.tail }
  write_record(keys, request.token, hold)
  hold.left = lease_ms
  return hold
end

-- An upgradeable hold becomes exclusive, under a new fence and with the lease that it has.
local function raise(gate, keys, token, hold)
  gate.fence = next_fence(gate.fence, us)
  hold.fence = gate.fence
  count(gate, 'u', 1, -1)
  hold.mode = 'x'
  count(gate, 'x', 1, 1)
  write_record(keys, token, hold)
end

-- Lets in the head of the queue, again and again, while it fits. self: a token that needs no push.
local function let_in(gate, keys, self)
  while true do
    local member = redis.call('ZRANGE', keys.waiting, 0, 0)[1]
    gate.is_waited_for = member ~= nil
    if not member then return end
    local request = {
      token = string.sub(member, 1, 22),
      mode = string.sub(member, 33, 33),
      weight = tonumber(string.sub(member, 34, 43)),
      tail = string.sub(member, 44),
    }
    local token, mode, lease_ms = request.token, request.mode, tonumber(string.sub(member, 23, 32))
    local hold = mode == 'U' and hold_of(gate, keys, token)
    local is_over = mode == 'U' and not hold -- it waited to upgrade what it holds no more
    local is_too_heavy = mode == 'l' and request.weight > gate.limit
    if not is_over and not is_too_heavy and not fits(gate, mode, request.weight) then return end
    redis.call('ZREM', keys.waiting, member)
    gate.changed = true
    if is_too_heavy then
      redis.call('PUBLISH', channel_of(request.tail), 'W' .. token) -- it asks again, and is told
    elseif not is_over then
      if hold then lease_ms = math.min(hold.left, 99999999) end
      local granted = token == self
      if not granted then
        local carried = next_fence(gate.fence, us) .. gate.lineage .. now
        granted, lease_ms = offer(keys.state, token, request.tail, lease_ms, carried)
      end
      if granted and hold then raise(gate, keys, token, hold)
      elseif granted then admit(gate, keys, request, lease_ms) end
    end
  end
end

-- Writes what has become of the gate (what is known already is not asked again); closes it when nobody holds and nobody waits.
local function save(gate, keys, keep_ms)
  local last = gate.last_ends or (is_held(gate) and redis.call('ZREVRANGE', keys.holders, 0, 0, 'WITHSCORES')[2])
  local is_waited_for = gate.is_waited_for
  if is_waited_for == nil then is_waited_for = redis.call('EXISTS', keys.waiting) == 1 end
  if not last and not is_waited_for then
    redis.call('SET', keys.state, 'f' .. gate.fence .. gate.lineage, 'PX', keep_ms)
    if gate.is_odd then redis.call('DEL', keys.holders, keys.records) end
    return
  end
  local lasts_ms = last and tonumber(last) - now_ms + 1000 or 0 -- a second more than the last lease
  local counts = string.format('%010d%010d%010d%010d', gate.limit, gate.used, gate.is, gate.ix)
  local flags = (gate.u and '1' or '0') .. (gate.x and '1' or '0')
  redis.call('SET', keys.state, 'v2:' .. gate.fence .. gate.lineage .. gate.family .. counts .. flags, 'PX',
    math.max(lasts_ms, is_waited_for and 90000 or 0))
  if not last then return end
  if gate.is_longer or (gate.longest_left or 0) > lasts_ms then -- else they end with the state as it is
    redis.call('PEXPIRE', keys.holders, lasts_ms)
    redis.call('PEXPIRE', keys.records, lasts_ms)
  end
end

-- Answers with work(gate), and saves what it made of the gate. What lies there instead of a gate is answered, or opened.
-- told: keep_ms · self, a token that needs no push · open(state), see gate-open.lua: makes a gate of format 1, or returns nil and an answer
local function at_gate(keys, told, work)
  local gate, answer, state = find_gate(keys)
  if not gate and answer[1] == -12 and told.open then gate, answer = told.open(state) end
  if not gate then return answer end
  local ok, result = pcall(function()
    if not gate.is_fresh and purge(gate, keys) then let_in(gate, keys, told.self) end
    return work(gate)
  end)
  if gate.changed then save(gate, keys, told.keep_ms) end
  if not ok then error(result, 0) end
  return result
end

-- The reply of a script about one name: its nonce, then the answer of at_gate. What the server refused half-way is replied as it would have
-- refused the command alone: raised once more, its first word, by which a client knows it (READONLY, OOM), would be ERR.
local function reply_at_gate(nonce, keys, told, work)
  local ok, answer = pcall(at_gate, keys, told, work)
  if ok then
    table.insert(answer, 1, nonce)
    return answer
  end
  local text = type(answer) == 'table' and answer.err or tostring(answer)
  text = string.gsub(text, '^@?user_script:? ?%d+: %-?', '')
  return { err = text }
end
