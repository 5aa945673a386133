"""What workers do with the queue, as Lua scripts: Redis runs one at a time, and whole."""

from __future__ import annotations

from expander.queues.redis.script import START

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
