"""The API of the local cluster: what a client sees of the executor.

- `patching`: the patch formats and field ownership.
- `views`: what is read: tables, statuses, discovery, schemas, selectors, pages.
- `server`: the HTTP server, the only part that knows sockets.
"""
