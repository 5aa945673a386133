"""Serve the API of the local cluster over HTTP, so that kubectl and client libraries work with it.

One module per concern:

- `cluster`: the executor with the operations that the API has and a batch run has not.
- `driver`: turns the executor within the event loop and says when something has changed.
- `routes`: what a path means.
- `bodies` (with `protobuf` and `protobuf_fields`), `incoming`, `creation`, `patches`: from bytes to the
  object that is stored, and what is refused on the way (`refusals`).
- `answers`, `shaping`: from objects to the bytes and the form that a client accepts.
- `fronts`, `reading`, `watching`, `writing`, `deleting`, `podlogs` (with `logtext`), `reviews`: the verbs,
  and what clients ask before they use them.
- `auth`, `peers`, `tls`: who may talk to the server. It runs commands as its user, so nobody else may.
- `faults`: what a tester can switch on.
- `app`, `service`, `lifecycle`, `kubeconfig`, `presence`: all of it together, as one process that others
  find.

What an answer says is decided by the pure packages beside this one; here is only how it travels.
"""
