-- Answers the requests with these indices, each with work(keys, terms, its own arguments …), whose table becomes a line of the reply.
-- Requests that were answered before have their line in `answers`, or an empty one. An error of one of them (a key of another type,
-- memory that is full) is its own answer and must not end the others: a text that the client reads back as the server's refusal.
--
-- head: how the reply begins · batch: answers · others, their indices (nil: all) · own, how many arguments a request has besides its terms ·
-- names of the keys of each request, in the order in which KEYS has them
local function answer_others(head, batch, work)
  local answers, own, names = batch.answers or {}, batch.own, batch.names or { 'state', 'queue' }
  local count = #KEYS / #names
  local each = (#ARGV - 1) / count
  local others = batch.others
  if not others then
    others = {}
    for index = 1, count do others[index] = index end
  end
  for _, index in ipairs(others) do
    local keys = {}
    for place, name in ipairs(names) do keys[name] = KEYS[(place - 1) * count + index] end
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
