"""Assign workloads to a Kueue queue: the queue label, and ``suspend`` where the kind has it.

Kueue's webhooks suspend what it manages; a Job suspended here also waits where Kueue is installed later.
"""

from __future__ import annotations

from typing import Any

from expander.kube.scheme import BY_KIND
from expander.kube.volcano import is_volcano
from expander.manifests.rerun import QUEUE_LABEL


def assign_queue(tree: dict[str, Any], queue: str) -> None:
    """Give the object ``tree`` to ``queue``, if it is of a kind that Kueue manages.

    A CronJob hands over the Jobs it makes. A Volcano Job has queues of its own.
    """
    if is_volcano(tree):
        return
    kind = tree.get("kind")
    if kind == "CronJob":
        template = _mapping(_mapping(tree, "spec"), "jobTemplate")
        _mapping(_mapping(template, "metadata"), "labels")[QUEUE_LABEL] = queue
        _mapping(template, "spec")["suspend"] = True
        return
    row = BY_KIND.get(kind or "")
    if row is None or not row.queued:
        return
    _mapping(_mapping(tree, "metadata"), "labels")[QUEUE_LABEL] = queue
    if row.suspend:
        place = tree
        for name in row.suspend:
            place = _mapping(place, name)
        place["suspend"] = True


def _mapping(tree: dict[str, Any], name: str) -> dict[str, Any]:
    """The mapping in the field ``name``, made when it is absent or null."""
    found: dict[str, Any] = tree.get(name) or {}
    tree[name] = found
    return found
