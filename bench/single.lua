-- Requests of one event each, every one with an id of its own: bodies are read once, and an id (UUID version 7) is put into each as it is sent.
local before, after, count = {}, {}, 0
local turn, made = 0, 0

function init(arguments)
   local mark = '"event_id":"'
   for line in io.lines(arguments[1]) do
      local at = line:find(mark, 1, true) + #mark
      count = count + 1
      before[count] = "POST /v1/events HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: " .. #line .. "\r\n\r\n"
         .. line:sub(1, at - 1)
      after[count] = line:sub(at + 36)
   end
   math.randomseed(tonumber(arguments[2]))
   local milliseconds = string.format("%012x", tonumber(arguments[3]))
   prefix = milliseconds:sub(1, 8) .. "-" .. milliseconds:sub(9)
   tail = string.format("%06x", math.random(0, 0xffffff))
end

function request()
   turn = turn % count + 1
   made = made + 1
   return before[turn] .. string.format("%s-7%03x-8%03x-%06x%s", prefix, math.floor(made / 4096) % 4096, made % 4096, made, tail) .. after[turn]
end
