-- Answers the requests with these indices, each with work(keys, terms, its own arguments …), whose table becomes a line of the reply.
-- Requests that were answered before have their line in `answers`, or an empty one. An error of one of them (a key of another type,
-- memory that is full) is its own answer and must not end the others: a text that the client reads back as the server's refusal.
--
-- head: how the reply begins · batch: answers · others, their indices · own, how many arguments a request has besides its terms
local function answer_others(head, batch, work)
  local answers, own = batch.answers or {}, batch.own
  local count = #KEYS / 2
  local each = (#ARGV - 1) / count
  for _, index in ipairs(batch.others) do
    local keys = { state = KEYS[index], queue = KEYS[count + index] }
    local before = 1 + index * each - own
    local terms = each > own and ARGV[before] or ARGV[1]
    local ok, answer = pcall(work, keys, terms, unpack(ARGV, before + 1, before + own))
    if not ok then
      local text = type(answer) == 'table' and answer.err or tostring(answer)
      text = string.gsub(text, '^@?user_script:? ?%d+: %-?', '')
      -- A replica refuses every write, so nothing was done: said as an error of the whole, at which the client connects anew.
      if string.sub(text, 1, 8) == 'READONLY' then return { err = text } end
      text = string.gsub(text, '%c', ' ') -- a line
      answer = { -8, text }
    end
    answers[index] = table.concat(answer, ' ')
  end
  for index = 1, count do answers[index] = answers[index] or '' end
  return head .. '\n' .. table.concat(answers, '\n')
end
