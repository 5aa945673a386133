"""What this machine's cluster remembers: objects and events in one SQLite file.

`database` opens the file and knows its tables, `objects` keeps API objects with resource versions,
`events` keeps what was recorded about them. Nothing here knows what a Job is, except `states`, which
names the state an object is counted under. What is changed is visible at once and durable after
``commit``: one commit serves all that happened in a turn of the executor's loop.
"""
