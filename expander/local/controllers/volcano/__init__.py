"""The decisions of Volcano's Job controller, without a cluster (pkg/controllers/job of Volcano).

`facts` sorts the pods of a Job by task, `policies` says what has happened to them and what the lifecycle
policies make of it, `machine` goes from phase to phase, `conclusion` says when a Job is over. `podmaker` and
`plugins` make the pods and what they need beside them. All are pure functions: time is an argument.
"""
