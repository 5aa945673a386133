"""Containers as processes of this machine: started, signalled, watched, recorded.

`launch.Launch` says what is to run, a runtime (`process`, `sandbox`, `engine`) turns it into a command
line, and `supervisor.Supervisor` has it run by a small process of its own, which outlives this one: whatever
happens to expander, that process stops what it started and records how it ended, and `recovery.recover`
reads that.

What belongs to Kubernetes (pods, volumes, restarts, probes) is not known here; nothing here imports from
another part of `local`. The modules that the small process loads (`supervise`, `spawn`, `children`,
`families`, `journal`, `report`, `limits`, `cgroups`, `wire`) import almost nothing: it must be up within
milliseconds.
"""
