"""Speaks to a Kubernetes cluster: delivers a batch of objects, each exactly once, at the speed it allows.

`wire` makes requests of manifests and `delivery` decides what an answer means; `pace`, `retry`, `quota`,
`agenda` and `window` decide when the next request goes. All of these are pure: time and chance are
arguments. `transport` sends requests, and `official` is the only place that imports ``kubernetes``;
`submission` puts threads around it all.
"""
