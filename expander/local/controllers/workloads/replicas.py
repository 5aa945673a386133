"""What the controllers of long-running workloads share: their pods, and how these are counted and made.

pkg/controller/controller_utils.go decides what is active, available, and which pod goes first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from expander.base.named_tuple import NamedTuple
from expander.kube.generated_names import safe_encoded
from expander.kube.objects import ENDED
from expander.kube.time import unix
from expander.local.controllers.job.pods import controller_reference, is_ready
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


class Counts(NamedTuple):
    """How many pods are there, ready, and ready for long enough; ``next_at`` is when one more will be."""

    pods: int
    ready: int
    available: int
    next_at: float | None


def owned_pods(store: ObjectStore, owner: Object) -> list[Object]:
    """The pods that ``owner`` controls, oldest first."""
    return [each for each in store.owned(owner["metadata"]["uid"]) if each["kind"] == "Pod"]


def is_active(pod: Object) -> bool:
    """Whether the pod counts: it has not ended and is not being deleted."""
    phase = (pod.get("status") or {}).get("phase")
    return phase not in ENDED and not pod["metadata"].get("deletionTimestamp")


def available_at(pod: Object, min_ready: int) -> float | None:
    """When the pod has been ready for ``min_ready`` seconds, as Unix seconds; None when it is not ready."""
    status = pod.get("status") or {}
    if not is_ready(status):
        return None
    since = next(each for each in status["conditions"] if each["type"] == "Ready").get("lastTransitionTime")
    return (unix(since) if since and min_ready else 0.0) + min_ready


def count(pods: Iterable[Object], min_ready: int, now: float) -> Counts:
    """The counts of active pods at ``now`` (Unix seconds)."""
    active = [pod for pod in pods if is_active(pod)]
    ready = [at for pod in active if (at := available_at(pod, min_ready)) is not None]
    later = [at for at in ready if at > now]
    return Counts(len(active), len(ready), len(ready) - len(later), min(later, default=None))


def deletion_rank(pod: Object) -> tuple[bool, bool, bool, float]:
    """Sorts pods so that the first is the first to go: without a node, pending, not ready, young."""
    status = pod.get("status") or {}
    return (
        "nodeName" in pod["spec"],
        status.get("phase") == "Running",
        is_ready(status),
        -unix(pod["metadata"]["creationTimestamp"]),
    )


def template_hash(template: Mapping[str, Any]) -> str:
    """What the names and labels of the objects of one pod template have in common."""
    text = json.dumps(template, sort_keys=True)
    return safe_encoded(str(int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])))


def new_pod(owner: Object, template: Mapping[str, Any]) -> dict[str, Any]:
    """A pod of ``owner`` from a template; its name is to be generated."""
    metadata = template.get("metadata") or {}
    own: dict[str, Any] = {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "labels": dict(metadata.get("labels") or {}),
        "ownerReferences": [controller_reference(owner)],
    }
    for field in ("annotations", "finalizers"):
        if metadata.get(field):
            own[field] = metadata[field]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": own, "spec": template["spec"]}
