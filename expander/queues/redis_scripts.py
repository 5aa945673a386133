"""What all scripts of the queue begin with: its keys by name, the server's time, and what several steps do.

A body that is taken gets a ticket, under which everything about it is kept until it is done; each lease of
it gets a token, greater than any before, without which nothing can be said about it.

How the queue is filled, counted and emptied, as Lua scripts.

What workers do with the queue, as Lua scripts: Redis runs one at a time, and whole.
"""

from __future__ import annotations

KEYS = (
    "",
    ":again",
    ":leases",
    ":bodies",
    ":attempts",
    ":tokens",
    ":failed",
    ":counts",
    ":filled",
    ":ended",
    ":workers",
    ":draining",
)
"""What comes after the queue's name in each key: the list of bodies, tickets to hand out again, deadlines of
leases by ticket, bodies, attempts and tokens by ticket, what was given up, counters, what was filled, the
last tokens that ended, workers with the time they are counted until, what is being drained."""

START = """
local waiting, again, leases, bodies, attempts, tokens, failed, counts, filled, ended, workers, draining =
  unpack(KEYS)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local call = redis.call

local function forget(ticket)
  call('ZREM', leases, ticket)
  call('HDEL', bodies, ticket)
  call('HDEL', attempts, ticket)
  call('HDEL', tokens, ticket)
end

local function give_up(ticket, reason)
  call('RPUSH', failed, cjson.encode({body = call('HGET', bodies, ticket), reason = reason,
    attempts = tonumber(call('HGET', attempts, ticket))}))
  call('HINCRBY', counts, 'failed', 1)
  forget(ticket)
end

local function let_go(ticket)
  call('ZREM', leases, ticket)
  call('HDEL', tokens, ticket)
end

local function holds(ticket, token)
  return call('HGET', tokens, ticket) == token
end

local function remember(token)
  call('LPUSH', ended, token)
  call('LTRIM', ended, 0, 1999)
end

local function ended_before(token)
  return call('LPOS', ended, token)
end

local function collect(most)
  for _, ticket in ipairs(call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 100)) do
    local n = tonumber(call('HGET', attempts, ticket))
    if most > 0 and n >= most then
      give_up(ticket, 'the worker vanished in attempt ' .. n .. ': its lease expired')
    else
      let_go(ticket)
      call('RPUSH', again, ticket)
    end
  end
end
"""


FILL = (
    START
    + """
if call('HGET', counts, 'fill') == ARGV[2] then return tonumber(call('HGET', counts, 'added')) end
local added = 0
for i = 3, #ARGV, 2 do
  if call('SADD', filled, ARGV[i]) == 1 or ARGV[1] == '1' then
    call('RPUSH', waiting, ARGV[i + 1])
    added = added + 1
  end
end
call('HINCRBY', counts, 'filled', added)
call('HSET', counts, 'fill', ARGV[2], 'added', added)
return added
"""
)
"""ARGV: '1' to add all, a word for this call (a repeated call adds nothing), then pairs of key and body."""

STATUS = (
    START
    + """
local alive = call('ZCOUNT', leases, '(' .. now, '+inf')
local stale = call('ZCARD', leases) - alive
local found = call('HMGET', counts, 'done', 'filled', 'redelivered', 'duplicates')
return {call('LLEN', waiting) + call('LLEN', again) + stale, alive, tonumber(found[1] or 0),
  call('LLEN', failed), call('ZCOUNT', workers, '(' .. now, '+inf'), tonumber(found[2] or 0),
  tonumber(found[3] or 0), tonumber(found[4] or 0)}
"""
)

DRAIN = (
    START
    + """
local function move(body, state, tries)
  call('RPUSH', draining, cjson.encode({body = body, state = state, attempts = tries}))
end
for _ = 1, 1000 do
  local entry = call('LPOP', failed)
  if not entry then break end
  call('RPUSH', draining, entry)
end
if ARGV[1] == '1' then return call('LLEN', draining) end
for _ = 1, 1000 do
  local body = call('LPOP', waiting)
  if not body then break end
  move(body, 'ready', 0)
end
for _, ticket in ipairs(call('ZRANGE', leases, 0, 999)) do
  move(call('HGET', bodies, ticket), 'leased', tonumber(call('HGET', attempts, ticket)))
  forget(ticket)
end
for _ = 1, 1000 do
  local ticket = call('LPOP', again)
  if not ticket then break end
  move(call('HGET', bodies, ticket), 'ready', tonumber(call('HGET', attempts, ticket)))
  forget(ticket)
end
local aside = call('LLEN', draining)
if aside == 0 then call('UNLINK', unpack(KEYS)) end
return aside
"""
)
"""ARGV: '1' for only what was given up. Moves some thousands aside; the answer is how many are aside.
When all of it was fetched and nothing is left, nothing is remembered of the queue."""


TAKE = (
    START
    + """
local milliseconds, worker, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3])
collect(most)
call('ZREMRANGEBYSCORE', workers, '-inf', now)
call('ZADD', workers, now + milliseconds, worker)
local ticket
local body = call('LPOP', waiting)
if body then
  ticket = tostring(call('HINCRBY', counts, 'tickets', 1))
  call('HSET', bodies, ticket, body)
else
  ticket = call('LPOP', again)
  if not ticket then return false end
  body = call('HGET', bodies, ticket)
  call('HINCRBY', counts, 'redelivered', 1)
end
local n = call('HINCRBY', attempts, ticket, 1)
local token = tostring(call('HINCRBY', counts, 'tokens', 1))
call('HSET', tokens, ticket, token)
call('ZADD', leases, now + milliseconds, ticket)
return {ticket, token, n, body}
"""
)
"""ARGV: milliseconds of the lease, the worker, how many attempts an item has (0: as many as it takes)."""

KEEP = (
    START
    + """
local ticket, token, milliseconds, worker = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
call('ZADD', workers, now + milliseconds, worker)
if not holds(ticket, token) then return 0 end
call('ZADD', leases, now + milliseconds, ticket)
return 1
"""
)

COMPLETE = (
    START
    + """
local ticket, token = ARGV[1], ARGV[2]
if holds(ticket, token) then
  forget(ticket)
  call('HINCRBY', counts, 'done', 1)
  remember(token)
  return 1
end
if ended_before(token) then return 1 end
call('HINCRBY', counts, 'duplicates', 1)
return 0
"""
)

FAIL = (
    START
    + """
local ticket, token, most, reason = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
if not holds(ticket, token) then return ended_before(token) and 'again' or 'lost' end
remember(token)
if most > 0 and tonumber(call('HGET', attempts, ticket)) >= most then
  give_up(ticket, reason)
  return 'failed'
end
let_go(ticket)
call('RPUSH', again, ticket)
return 'again'
"""
)

RELEASE = (
    START
    + """
local ticket, token = ARGV[1], ARGV[2]
if not holds(ticket, token) then return 0 end
remember(token)
let_go(ticket)
call('HINCRBY', attempts, ticket, -1)
call('LPUSH', again, ticket)
return 1
"""
)

EMPTY = (
    START
    + """
collect(tonumber(ARGV[1]))
return call('LLEN', waiting) + call('LLEN', again) + call('ZCARD', leases)
"""
)
