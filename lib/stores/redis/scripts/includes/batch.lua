-- Answers the arguments with these numbers, each with work(keys, argument), whose table becomes a text; the reply has a nonce and then one answer for each
-- pair of KEYS. An error of one of them (a key of another type, memory that is full) is its own answer and must not end the others: a
-- text that the client reads back as the server's refusal.
local function answer_others(reply, numbers, work)
  local before = #ARGV - #KEYS / 2
  for _, number in ipairs(numbers) do
    local index = number - before
    local keys = { state = KEYS[index * 2 - 1], queue = KEYS[index * 2] }
    local ok, answer = pcall(work, keys, ARGV[number])
    if not ok then
      local text = type(answer) == 'table' and answer.err or tostring(answer)
      text = string.gsub(text, '^@?user_script:? ?%d+: %-?', '')
      -- A replica refuses every write, so nothing was done: said as an error of the whole, at which the client connects anew.
      if string.sub(text, 1, 8) == 'READONLY' then return { err = text } end
      answer = { -8, text }
    end
    reply[index + 1] = table.concat(answer, ' ')
  end
  return reply
end
