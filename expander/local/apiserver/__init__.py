"""The local API server: an HTTP server that shows clients the executor as a small Kubernetes cluster.

`app` takes a request through authentication, routing and verb; `read`, `write`, `delete`, `watch` and
`pod_logs` are the verbs; `storage` is the executor behind them. `patch` changes objects, `printers` makes
tables of them.
"""
