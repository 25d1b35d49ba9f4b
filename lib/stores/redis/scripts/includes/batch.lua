-- One answer as a text that the client reads back as the server's own refusal: an error of one request (a key of another type, memory
-- that is full) must not end the others of its batch.
local function answer_of(work, ...)
  local ok, answer = pcall(work, ...)
  if ok then return answer end
  local text = type(answer) == 'table' and answer.err or tostring(answer)
  return { -8, (string.gsub(text, '^@?user_script:? ?%d+: %-?', '')) }
end

-- Answers every argument from the first one on, by its number.
local function for_each_request(first, work)
  local reply = { ARGV[1] }
  for argument = first, #ARGV do
    local index = argument - first + 1
    local answer = answer_of(work, index, ARGV[argument])
    -- A replica refuses every write, so nothing was done: said as an error of the whole, at which the client connects anew.
    if answer[1] == -8 and string.sub(answer[2], 1, 8) == 'READONLY' then return { err = answer[2] } end
    reply[index + 1] = answer
  end
  return reply
end
