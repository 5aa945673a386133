"""Containers as processes of this machine: started, signalled, watched, recorded.

A `runtime.Launch` says what is to run, a runtime (`process`, `sandbox`, `engine`) turns it into a command
line, and `supervisor_client.SupervisorClient` has it run by a small process of its own, which outlives this
one: whatever happens to expander, that process stops what it started and records how it ended, and
`journal_recovery` reads that.

What belongs to Kubernetes (pods, volumes, restarts, probes) is not known here; nothing here imports from
another part of `local`. The modules that the small process loads (`supervisor`, `event_writer`, `spawn`,
`container_processes`, `process_tree`, `journal`, `limits`, `wire`) import almost nothing: it must be up
within milliseconds.
"""
