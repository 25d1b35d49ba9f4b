-- The state of one lock: a string of fixed fields, so that string.sub is all the parsing there is. This is format 1.
--
--   1       flag     h held · H held and somebody may be queued · f free (the trace of a clean release) · no key: free
--   2-17    fence    fencing token of the last grant, 16 digits
--   18-33   lineage  first fence of an unbroken chain of clean releases. Same lineage and a fence >= mine: my hold ended cleanly
--   34-49   granted  server time of the last grant, microseconds          (not in a free state)
--   50-71   owner    owner token, 22 characters                            (not in a free state)
--   72-     tail     push channel of the holder's process | label          (not in a free state)
--
-- Another format shows itself, so that two releases side by side never misread each other: its states begin with 'v', its number and
-- ':' (v2:…), which every release refuses that does not know it; and its waiters lie under another key (…:q2), because release 0.1.0
-- pops any member of the queue key and grants it an exclusive lock. Format 2 is the general gate: PROTOCOL.md.
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

-- Format 2: another script answers.
local function is_at_gate(state) return type(state) == 'string' and string.sub(state, 1, 3) == 'v2:' end

-- The answer about a state that is none of ours: -11 and its format, ask the gate; -10 and the format that a later release wrote; or -9 and why it is no
-- lock.
local function not_ours(state)
  if is_at_gate(state) then return -11, '2' end
  local format = string.match(state, '^v(%d+):')
  if format then return -10, format end
  return -9, 'its value is not a lock'
end

local function fence_of(state) return string.sub(state, 2, 17) end
local function lineage_of(state) return string.sub(state, 18, 33) end
local function owner_of(state) return string.sub(state, 50, 71) end
