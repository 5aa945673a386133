"""Serve the API of the local cluster over HTTP, so that kubectl and client libraries work with it.

One module per concern:

- `cluster`: the executor with the operations that the API has and a batch run has not.
- `driver`: turns the executor within the event loop and says when something has changed.
- `resources`, `routes`: what is served, and which of it a path means.
- `bodies`, `answers`, `decoding`: bytes to objects, objects to bytes, and what is refused on the way.
- `reading`, `watching`, `writing`, `deleting`, `podlogs`, `reviews`: the verbs.
- `auth`, `peers`, `tls`: who may talk to the server. It runs commands as its user, so nobody else may.
- `faults`: what a tester can switch on.
- `app`, `lifecycle`, `kubeconfig`: all of it together, as one process and as one file for clients.

What an answer says is decided by the pure packages beside this one; here is only how it travels.
"""
