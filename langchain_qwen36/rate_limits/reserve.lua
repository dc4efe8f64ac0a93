-- A sliding log of what was charged to a key, and the queue of those who wait for their turn.
--
-- `log` (sorted set) holds entries by the microsecond from which they count: "r:ID" a request,
-- "d:ID:N" tokens that a finished call took beyond its charge. `costs` (hash) holds each entry's
-- tokens, those of each waiting call ("w:ID"), the sums "requests" and "tokens" of the log, the
-- "time" of the last script, and how far our time is "ahead" of a clock that was set back.
-- `queue` (sorted set) holds the waiting calls by arrival, `lines` (sorted set) the lines in which
-- they wait (the threads of a process, the tasks of a loop) by their last question; the ID of a
-- call begins with that of its line. The time is the server's: no other clock matters.
--
-- ARGV is the window and the lease in microseconds, then any number of operations of 8 values each:
-- name, line, ID, age and charge of the call, and three numbers of the operation's own.
local log, costs, queue, lines = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local window, lease = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function number(field)
  return tonumber(redis.call('HGET', costs, field) or 0)
end

-- Under `maxmemory` Redis may drop one key and keep the others: sums without their log would never
-- fall again, a queue without its lines never end. Who waits joins again.
local function mend()
  local kept, requests, tokens = {'time', number('time'), 'ahead', number('ahead')}, 0, 0
  for _, entry in ipairs(redis.call('ZRANGE', log, 0, -1)) do
    kept[#kept + 1], kept[#kept + 2] = entry, number(entry)
    tokens = tokens + number(entry)
    if entry:sub(1, 2) == 'r:' then requests = requests + 1 end
  end
  redis.call('DEL', costs, queue, lines)
  kept[#kept + 1], kept[#kept + 2] = 'requests', requests
  kept[#kept + 1], kept[#kept + 2] = 'tokens', tokens
  for i = 1, #kept, 2 do
    local value = kept[i + 1]
    redis.call('HSET', costs, kept[i], string.format('%.0f', value))
  end
end

local waiting, fields = redis.call('ZCARD', queue), redis.call('HLEN', costs)
for _, known in ipairs(redis.call('HMGET', costs, 'requests', 'tokens', 'time', 'ahead')) do
  if known then fields = fields - 1 end
end
if fields ~= redis.call('ZCARD', log) + waiting or (waiting > 0 and redis.call('ZCARD', lines) == 0) then
  mend()
end

-- Time does not go back, though the server's clock may be set back, or a replica take its place.
now = now + number('ahead')
if now < number('time') then
  redis.call('HINCRBY', costs, 'ahead', string.format('%.0f', number('time') - now))
  now = number('time')
end
redis.call('HSET', costs, 'time', string.format('%.0f', now))

local function remove(entry)
  if redis.call('ZREM', log, entry) == 0 then return end
  redis.call('HINCRBY', costs, 'tokens', string.format('%.0f', 0 - number(entry)))
  redis.call('HDEL', costs, entry)
  if entry:sub(1, 2) == 'r:' then redis.call('HINCRBY', costs, 'requests', -1) end
end

local function add(entry, at, cost)
  remove(entry) -- written again, for the first answer was lost
  redis.call('ZADD', log, string.format('%.0f', at), entry)
  redis.call('HSET', costs, entry, string.format('%.0f', cost))
  redis.call('HINCRBY', costs, 'tokens', string.format('%.0f', cost))
  if entry:sub(1, 2) == 'r:' then redis.call('HINCRBY', costs, 'requests', 1) end
end

local function leave_queue(waiting)
  redis.call('ZREM', queue, waiting)
  redis.call('HDEL', costs, 'w:' .. waiting)
end

-- Microseconds until enough of the oldest entries have left the window.
local function wait_for(requests, tokens)
  local start, at = 0, now
  while true do
    local batch = redis.call('ZRANGE', log, start, start + 99, 'WITHSCORES')
    for i = 1, #batch, 2 do
      if requests <= 0 and tokens <= 0 then return at + window - now end
      at = tonumber(batch[i + 1])
      tokens = tokens - number(batch[i])
      if batch[i]:sub(1, 2) == 'r:' then requests = requests - 1 end
    end
    if #batch < 200 then return at + window - now end
    start = start + 100
  end
end

local function join(line, id, age, cost)
  redis.call('ZADD', queue, 'NX', string.format('%.0f', now - age), id)
  redis.call('ZADD', lines, string.format('%.0f', now), line)
  redis.call('HSET', costs, 'w:' .. id, string.format('%.0f', cost))
end

-- What this call and those that wait before it lack, counted no further than to the limits. Of its
-- own line a waiting call is the first: only the first asks. Arrivals cannot tell, for each is the
-- server's time less an age that was on its way for a while. Counting a call behind it as one before
-- it would have both wait for ever.
local function missing(line, id, age, cost, max_requests, max_tokens, waits)
  local arrival = tonumber(redis.call('ZSCORE', queue, id) or now - age)
  local requests, tokens, start = number('requests') + 1 - max_requests, number('tokens') + cost - max_tokens, 0
  while requests <= 0 and tokens <= 0 do
    local ahead = redis.call(
      'ZRANGEBYSCORE', queue, '-inf', string.format('(%.0f', arrival), 'LIMIT', start, 100)
    for _, other in ipairs(ahead) do
      if waits == 1 and other:sub(1, #line + 1) == line .. '/' then return requests, tokens end
      requests, tokens = requests + 1, tokens + number('w:' .. other)
    end
    if #ahead < 100 then break end
    start = start + 100
  end
  return requests, tokens
end

local function reserve(line, id, age, cost, max_requests, max_tokens, waits)
  local requests, tokens = missing(line, id, age, cost, max_requests, max_tokens, waits)
  if requests <= 0 and tokens <= 0 then
    leave_queue(id)
    add('r:' .. id, now, cost)
    return 0
  end
  if waits == 1 then join(line, id, age, cost) end
  return math.max(1, wait_for(requests, tokens))
end

-- What was taken beyond the charge is paid from now on, at most a whole limit in each window.
local function settle(id, cost, taken, max_tokens, most_windows)
  local entry = 'r:' .. id
  local known = redis.call('HGET', costs, entry)
  local debt = taken - tonumber(known or cost)
  if debt < 0 then
    if known then
      redis.call('HSET', costs, entry, string.format('%.0f', taken))
      redis.call('HINCRBY', costs, 'tokens', string.format('%.0f', debt))
    end
    return
  end
  for n = 0, most_windows - 1 do
    if debt <= 0 then break end
    local part = math.min(debt, max_tokens)
    add('d:' .. id .. ':' .. n, now + n * window, part)
    debt = debt - part
  end
end

while true do
  local old = redis.call('ZRANGEBYSCORE', log, '-inf', string.format('%.0f', now - window), 'LIMIT', 0, 1000)
  for _, entry in ipairs(old) do remove(entry) end
  if #old < 1000 then break end
end
for _, lost in ipairs(redis.call('ZRANGEBYSCORE', lines, '-inf', string.format('%.0f', now - lease))) do
  redis.call('ZREM', lines, lost)
  for _, waiting in ipairs(redis.call('ZRANGE', queue, 0, -1)) do
    if waiting:sub(1, #lost + 1) == lost .. '/' then leave_queue(waiting) end
  end
end

local result = 0
for i = 3, #ARGV, 8 do
  local operation, line, id = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local age, cost = tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4])
  local a, b, c = tonumber(ARGV[i + 5]), tonumber(ARGV[i + 6]), tonumber(ARGV[i + 7])
  if operation == 'reserve' then
    result = reserve(line, id, age, cost, a, b, c)
  elseif operation == 'join' then
    join(line, id, age, cost)
  elseif operation == 'settle' then
    settle(id, cost, a, b, c)
  else
    leave_queue(id)
    remove('r:' .. id)
  end
end

local last = redis.call('ZRANGE', log, -1, -1, 'WITHSCORES')
local lives = (tonumber(last[2] or now) - now + window + lease) / 1000
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, string.format('%.0f', lives)) end
return string.format('%.0f', result)
