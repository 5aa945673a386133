"""One pod's life on this machine, as a kubelet of v1.36 leads it.

`kubelet.Kubelet` is given pods and tells what becomes of them; processes are the business of the supervisor
below it, objects and their storage that of the caller. What a rule says is decided in small pure modules
(expansion, environment, downward, restarts, probes, conditions, phase); `pod` is the one machine that puts
them together. Nothing here waits, sleeps or starts a thread: time and events come in from the caller's
loop.

Not done: contents of ConfigMap, Secret and downward API volumes are written once, when the pod starts, and
not refreshed; gRPC probes count for nothing; service environment variables and service account tokens,
which only mean something in a cluster, are not given.
"""
