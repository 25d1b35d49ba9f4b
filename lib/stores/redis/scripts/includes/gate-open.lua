-- Opens the gate of a name: what lies there in format 1 moves to format 2, and holder and waiters do not notice.
--
-- A release before this one shows no mark in its channel. Were its lock moved it would read «lost», and would not find its place again; so
-- nothing is changed then.
local function is_of_this_release(tail) return string.find(tail, '^[^!|]*:c:~[%w_-]+[!|]') ~= nil end

-- Nobody holds it, nobody waits. state: of format 1, nil: none.
local function new_gate(state)
  return {
    -- Without a trace the first fence is the server's time, which no token issued before exceeds.
    fence = state and fence_of(state) or digits(us - 1),
    lineage = state and lineage_of(state) or now,
    family = '-', limit = 0, used = 0, is = 0, ix = 0, u = false, x = false,
  }
end

-- Returns the gate; or nil and the answer why not.
local function open_gate(keys, state)
  local is_held = state and string.byte(state) ~= 102
  local waiting = redis.call('ZRANGE', keys.queue, 0, -1, 'WITHSCORES')
  if is_held and not is_of_this_release(string.sub(state, 72)) then return nil, { -13 } end
  for index = 1, #waiting, 2 do
    if not is_of_this_release(string.sub(waiting[index], 31)) then return nil, { -13 } end
  end

  local gate = new_gate(state)
  -- Of a gate whose state was lost alone: these holders were forgotten with it.
  if redis.call('EXISTS', keys.holders, keys.records) > 0 then redis.call('DEL', keys.holders, keys.records) end
  if is_held then
    redis.call('ZADD', keys.holders, now_ms + redis.call('PTTL', keys.state), owner_of(state))
    gate.is_longer = true
    count(gate, 'x', 1, 1)
    write_record(keys, owner_of(state), {
      fence = fence_of(state), granted = string.sub(state, 34, 49), mode = 'x', weight = 1, tail = string.sub(state, 72),
    })
  end
  for index = 1, #waiting, 2 do
    local member = waiting[index]
    local moved = string.sub(member, 1, 22) .. '00' .. string.sub(member, 23, 30) .. 'x0000000001' .. string.sub(member, 31)
    redis.call('ZADD', keys.waiting, 'NX', waiting[index + 1], moved)
    gate.changed = true
  end
  if #waiting > 0 then
    redis.call('DEL', keys.queue)
    redis.call('PEXPIRE', keys.waiting, 90000)
  end
  return gate
end
