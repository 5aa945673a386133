"""What all scripts of the queue begin with: its keys by name, the server's time, and what several steps do.

A body that is taken gets a ticket, under which everything about it is kept until it is done; each lease of
it gets a token, greater than any before, without which nothing can be said about it.
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
