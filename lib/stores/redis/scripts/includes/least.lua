-- A hold that is released before its least time (minHoldMs) is over: the name stays taken for the rest of it, and nobody has it. Its token
-- becomes one that no client has, so that a late renewal is refused, while the lineage answers a repeated release: it ended cleanly.
local function nobodys(token) return '!' .. string.sub(token, 2) end

-- How long it stays taken, in milliseconds; not above 0: its least time is over. granted: server time of the grant, microseconds.
local function rest_ms(granted, least_ms)
  local passed_ms = math.floor((now_us() - tonumber(granted)) / 1000)
  return math.min(least_ms, least_ms - passed_ms) -- no more than that when the clock was set back
end

-- Whoever waits went to sleep until the end of the lease, which has just become another: the first one that hears it asks again ('W').
-- tail_at: where a member's tail begins
local function wake_first(queue_key, tail_at)
  -- pcall: without the right to look (+zrange, docs/stores/redis.md) they ask within 5 s anyway.
  for _, member in ipairs(redis.pcall('ZRANGE', queue_key, 0, 15)) do
    if redis.call('PUBLISH', channel_of(string.sub(member, tail_at)), 'W' .. string.sub(member, 1, 22)) > 0 then return end
  end
end
