"""Run Jobs on this machine as a cluster would.

Each folder and file has the name of its part of Kubernetes; from the bottom up:

- `runtime`: starts, watches and ends the processes of containers, in whatever isolation there is.
- `kubelet`: one pod's life on top of a runtime, from pending to its last status.
- `store`: the objects and events, kept so that nothing acknowledged is ever lost.
- `admission`, `registry`: what the API server makes of a new object.
- `controllers`, `scheduler`, `workqueue`: read the store, decide (pure functions), act.
- `control_plane` ties these together, `executor` adds the kubelet and a supervisor in one event loop,
  `api_operations` are a client's calls, `recovery` takes up the work of an earlier run.
- `apiserver`: the HTTP API over all of it.

One machine only: nothing here schedules over several or speaks to a cluster. Times are Unix seconds inside
and RFC 3339 in objects; the time is always an argument, so that all of it can be tested without waiting.
"""
