-- Tries every command that the scripts of the general gate use beyond those of an exclusive lock, on keys of its own, and names those that
-- the server refuses. Asked before the first request of a new kind: a script that was refused half-way would leave a half-made state.
--
-- KEYS  1 a sorted set  2 a hash, both for this check only
-- ARGV  1 nonce, echoed
-- Reply {nonce, refused command and error, …}
local reply = { ARGV[1] }

local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    local command = ...
    reply[#reply + 1] = command .. ': ' .. answer.err
  end
end

try('ZADD', KEYS[1], 1, 'probe')
try('ZRANGE', KEYS[1], 0, 0)
try('ZREVRANGE', KEYS[1], 0, 0)
try('ZRANGEBYSCORE', KEYS[1], '-inf', '+inf')
try('HSET', KEYS[2], 'probe', 'probe')
try('HGET', KEYS[2], 'probe')
try('HDEL', KEYS[2], 'probe')
try('DEL', KEYS[1], KEYS[2])
return reply
