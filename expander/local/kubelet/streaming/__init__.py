"""What goes on between a client and a running container: exec, attach, port-forward.

As k8s.io/kubelet/pkg/cri/streaming: `runtime` finds the container and opens its streams, `channels` is the
WebSocket protocol, `remotecommand` and `portforward` carry the data.
"""
