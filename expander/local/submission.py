"""Objects as they come in: defaulted, named, given a uid, and compared with those that are there."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from expander.local.controllers.names import generated, new_uid, timestamp
from expander.local.store.encoding import Object
from expander.local.store.objects import Store
from expander.validate.defaulting import defaults
from expander.validate.defaulting.creation import created_job

CLUSTER_KINDS = frozenset(("Namespace",))
"""Kinds that are in no namespace."""


class Submitted(NamedTuple):
    """What became of one object that came in.

    ``unchanged``: an object of that name with the same content is there already; ``exists``: one with other
    content is, and stays.
    """

    object: Object
    outcome: Literal["created", "unchanged", "exists"]


def submit(store: Store, obj: Object, now: float, *, namespace: str = "default") -> Submitted:
    """Store ``obj``, a valid manifest, unless one of its name is there. ``now`` is Unix seconds."""
    metadata = obj["metadata"]
    kind = obj["kind"]
    space = "" if kind in CLUSTER_KINDS else metadata.get("namespace") or namespace
    name = metadata.get("name")
    there = store.get(kind, space, name) if name else None
    if there is not None:
        fresh = _created(obj, there["metadata"]["uid"], space)
        return Submitted(there, "unchanged" if _same(fresh, there) else "exists")
    if not name:
        obj = {**obj, "metadata": {**metadata, "name": generated(metadata.get("generateName", ""))}}
    uid = new_uid()
    made = _created(obj, uid, space)
    made["metadata"] = {**made["metadata"], "uid": uid, "creationTimestamp": timestamp(now)}
    return Submitted(store.put(made, new=True), "created")


def _created(obj: Object, uid: str, namespace: str) -> dict[str, Any]:
    if obj["kind"] == "Job":
        return created_job(obj, uid, namespace=namespace)
    made = defaults(obj)
    made["metadata"] = dict(made["metadata"])
    if namespace:
        made["metadata"].setdefault("namespace", namespace)
    if obj["kind"] == "Pod":
        made["status"] = {"phase": "Pending"}
    return made


def _same(fresh: Object, there: Object) -> bool:
    """Whether the user's part of both is equal: everything but status and what the server writes."""
    for field in fresh.keys() | there.keys():
        if field not in ("status", "metadata") and fresh.get(field) != there.get(field):
            return False
    ours, theirs = fresh["metadata"], there["metadata"]
    return all((ours.get(part) or {}) == (theirs.get(part) or {}) for part in ("labels", "annotations"))
