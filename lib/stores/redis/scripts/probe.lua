-- Tries every command that the other scripts use, on keys of its own, and names those that the server refuses. For the
-- start-up check: a missing permission is said then, by name, and not at the first contended lock.
--
-- It also tells whether grants can be pushed to this process: how many listen on its channel here, and a message that must arrive.
--
-- KEYS  1 a state key  2 a queue key, both for this check only
-- ARGV  1 nonce, echoed  2 channel of this process  3 what to say there
-- Reply {nonce, listeners, refused command and error, …}; listeners as in acquire.lua
--- @include includes/listeners.lua

local reply = { ARGV[1], listeners_on(ARGV[2]) }

local function try(...)
  local answer = redis.pcall(...)
  if type(answer) == 'table' and answer.err then
    local command = ...
    reply[#reply + 1] = command .. ': ' .. answer.err
  end
end

try('TIME')
try('SET', KEYS[1], 'probe', 'PX', 1000)
try('GET', KEYS[1])
try('SETRANGE', KEYS[1], 0, 'P')
try('PTTL', KEYS[1])
try('PEXPIRE', KEYS[1], 1000)
try('ZADD', KEYS[2], 'NX', 1, 'probe')
try('ZSCORE', KEYS[2], 'probe')
try('ZCARD', KEYS[2])
try('PEXPIRE', KEYS[2], 1000)
try('ZREM', KEYS[2], 'probe')
try('ZPOPMIN', KEYS[2])
try('EXISTS', KEYS[2])
try('PEXPIRE', KEYS[1], 1)
try('PUBLISH', ARGV[2], 'P' .. ARGV[3])
return reply
