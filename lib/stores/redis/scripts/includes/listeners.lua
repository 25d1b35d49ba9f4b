-- Who listens on a channel here: on this server. A message that is published reaches listeners on its replicas and on other nodes of a
-- cluster too, whom PUBLISH does not count. So whoever must know who hears it asks first: heard by one who was not counted, a grant
-- would be believed by him and given to the next one as well.
--
-- tail: what stands behind the numbers in a state and in a queue member: channel|label, or channel!|label of a process that knows that
-- nothing can be pushed to it for certain.
local function channel_of(tail) return string.match(tail, '^[^!|]*') end

-- -1: nobody can say: the process says so itself, or this user may not ask (PUBSUB).
local function listeners_on(tail)
  if string.find(tail, '^[^!|]*!') then return -1 end
  local counted = redis.pcall('PUBSUB', 'NUMSUB', channel_of(tail))
  return counted[2] or -1
end
