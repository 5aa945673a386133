"""Run Jobs on this machine as a cluster would: the local executor.

Parts, from the bottom up; each imports only from those before it:

- `decide`: pure functions. What the Job controller of Kubernetes v1.36 would do next: a Job, its pods
  and the time go in, the new status, the pods to create and to delete, and the events come out.
- `runtime`: starts, watches and ends the processes of containers, in whatever isolation there is.
- `kubelet`: one pod's life on top of a runtime, from pending to its last status.
- `store`: the objects, kept so that nothing acknowledged is ever lost.
- `controllers`: gather from the store, decide, act.
- `executor`, and the modules beside it: the event loop that ties them together, what users do to objects,
  and taking up the work of an earlier life of the program.

One machine only: nothing here schedules over several. Nothing here speaks to a cluster either; what a
cluster and this package have in common stands in the layers below both. Times are Unix seconds inside
and RFC 3339 in objects; the time is always an argument, so that all of it can be tested without waiting.
"""
