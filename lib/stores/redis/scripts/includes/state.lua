-- The state of one lock: a string of fixed fields, so that string.sub is all the parsing there is.
--
--   1       flag     h held · H held and somebody may be queued · f free (the trace of a clean release) · no key: free
--   2-17    fence    fencing token of the last grant, 16 digits
--   18-33   lineage  first fence of an unbroken chain of clean releases. Same lineage and a fence >= mine: my hold ended cleanly
--   34-49   granted  server time of the last grant, microseconds          (not in a free state)
--   50-71   owner    owner token, 22 characters                            (not in a free state)
--   72-     tail     push channel of the holder's process | label          (not in a free state)
--
-- Numbers of 16 digits must never go through `..`, which formats with %.14g and loses digits.
local function digits(number) return string.format('%016.0f', number) end

local function now_us()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

-- Never only the last token + 1: a server that forgot its last seconds (fail-over, power loss) would give a token out twice.
local function next_fence(last, us) return digits(math.max(last + 1, us)) end

-- Is this a lock of ours at all? Another program may use the same key.
local function is_lock(state)
  local flag = string.byte(state)
  return (flag == 102 and #state == 33) or ((flag == 104 or flag == 72) and #state >= 72)
end

local function fence_of(state) return string.sub(state, 2, 17) end
local function lineage_of(state) return string.sub(state, 18, 33) end
local function owner_of(state) return string.sub(state, 50, 71) end
