"""The kubelet of one node, on top of a runtime: each file has the name of its part in pkg/kubelet.

`kubelet.Kubelet` is given pods and reports what becomes of them; `pod.Pod` is the state of one, and
`pod_worker.PodWorker` acts on it. Nothing here waits, sleeps or starts a thread: time and events come in from
the caller's loop.

Not done: configMap, secret and downwardAPI volumes are written once, when the pod starts, and not refreshed;
gRPC probes count for nothing; service environment variables and service account tokens, which only mean
something in a cluster, are not given.
"""
