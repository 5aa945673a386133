"""What the API shows: tables, lists, statuses, discovery and schemas, as plain dicts in API form.

All of it is pure: objects and the time go in, the body of an answer comes out. Who decides what an answer
looks like is named in each module; it is always a part of kube-apiserver v1.36. Prose that clients only
show to people, such as the descriptions of columns, is our own.

- `resources`: what is served, and under which names.
- `tables` and the ``rows_*`` modules: what ``kubectl get`` prints.
- `statuses`: refusals and the answers to deletes.
- `decoding`, `duplicates`: what is said of a body that is no object, or not quite one.
- `discovery`, `openapi`: what clients ask before they do anything else.
- `lists`, `pages`, `fieldselectors`: which objects a list holds, and in which order and portions.
"""
