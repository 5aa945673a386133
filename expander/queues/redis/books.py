"""How the queue is filled, counted and emptied, as Lua scripts."""

from __future__ import annotations

from expander.queues.redis.script import START

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
