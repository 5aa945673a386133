"""DaemonSets: a pod on every node that takes it, and there is one node (pkg/controller/daemon)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from expander.local.controllers.events import Recorder
from expander.local.controllers.job.controller import PodCreator
from expander.local.controllers.pods import PodControl
from expander.local.controllers.workloads.replicas import available_at, is_active, new_pod, owned_pods
from expander.local.controllers.workloads.revisions import REVISION_LABEL, revision_of, template_of, trim
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

_TOLERATED: Final = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)
"""Taints of a node that do not keep its daemons away (AddOrUpdateDaemonPodTolerations)."""


class DaemonSetController:
    """The DaemonSets of one store."""

    def __init__(self, store: ObjectStore, pods: PodControl, recorder: Recorder) -> None:
        self._store = store
        self._pods = pods
        self._recorder = recorder
        self._creator = PodCreator(pods, recorder)

    def sync(self, owner: Object, now: float, delete: Callable[[Object], None]) -> float | None:
        """Do what is to be done for one DaemonSet; when to look again (Unix seconds)."""
        if owner["metadata"].get("deletionTimestamp"):
            return None
        uid = owner["metadata"]["uid"]
        revision = revision_of(self._store, owner, now)
        node = self._node(owner)
        pods = [pod for pod in owned_pods(self._store, owner) if not pod["metadata"].get("deletionTimestamp")]
        for pod in pods:
            if not is_active(pod) or node is None:
                self._delete(owner, pod, now)
        active = [pod for pod in pods if is_active(pod)] if node is not None else []
        if node is not None and self._wants_one(owner, active, revision, now):
            self._creator.create(owner, [_daemon(owner, revision, node)], now)
        again = self._put_status(owner, revision, node is not None, now)
        used = {pod["metadata"]["labels"].get(REVISION_LABEL) for pod in pods} | {
            revision["metadata"]["name"]
        }
        trim(self._store, owner, used, delete)
        return min((at for at in (self._creator.retry_at(uid, now), again) if at is not None), default=None)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._creator.forget(uid)
        self._recorder.forget(uid)

    def _wants_one(self, owner: Object, active: list[Object], revision: Object, now: float) -> bool:
        """Whether a pod is missing, after those that another has replaced were deleted."""
        new = [pod for pod in active if _is_of(pod, revision)]
        old = [pod for pod in active if not _is_of(pod, revision)]
        strategy = owner["spec"]["updateStrategy"]
        if not old or strategy["type"] == "OnDelete":
            return not active
        surge = (strategy.get("rollingUpdate") or {}).get("maxSurge") not in (None, 0, "0%")
        ready_at = available_at(new[0], owner["spec"].get("minReadySeconds") or 0) if new else None
        if not surge or (ready_at is not None and ready_at <= now):
            for pod in old:
                self._delete(owner, pod, now)
        return surge and not new

    def _delete(self, owner: Object, pod: Object, now: float) -> None:
        message = f"Deleted pod: {pod['metadata']['name']}"
        self._recorder.record(owner, "Normal", "SuccessfulDelete", message, now)
        self._pods.delete(pod["metadata"]["uid"], now)

    def _node(self, owner: Object) -> Object | None:
        """The node, if the pods of a DaemonSet may be there by their node selector."""
        wanted = owner["spec"]["template"]["spec"].get("nodeSelector") or {}
        nodes = self._store.of_kind("Node")
        return next((each for each in nodes if wanted.items() <= each["metadata"]["labels"].items()), None)

    def _put_status(self, owner: Object, revision: Object, wanted: bool, now: float) -> float | None:
        active = [pod for pod in owned_pods(self._store, owner) if is_active(pod)]
        ready = [
            at
            for pod in active
            if (at := available_at(pod, owner["spec"].get("minReadySeconds") or 0)) is not None
        ]
        later = [at for at in ready if at > now]
        here = int(bool(active) and wanted)
        available = int(len(ready) > len(later))
        status: dict[str, Any] = {
            "currentNumberScheduled": here,
            "numberMisscheduled": int(bool(active) and not wanted),
            "desiredNumberScheduled": int(wanted),
            "numberReady": min(1, len(ready)),
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        numbers = {
            "updatedNumberScheduled": int(any(_is_of(pod, revision) for pod in active)),
            "numberAvailable": available,
            "numberUnavailable": int(wanted) - available,
        }
        status |= {field: number for field, number in numbers.items() if number > 0}
        if owner.get("status") != status:
            self._store.put({**owner, "status": status})
        return min(later, default=None)


def _is_of(pod: Object, revision: Object) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(REVISION_LABEL) == revision["metadata"]["name"])


def _daemon(owner: Object, revision: Object, node: Object) -> dict[str, Any]:
    """A pod of a DaemonSet for a node, which it names by an affinity."""
    pod = new_pod(owner, template_of(revision))
    pod["metadata"]["labels"] |= {
        REVISION_LABEL: revision["metadata"]["name"],
        "pod-template-generation": str(owner["metadata"].get("generation", 1)),
    }
    spec = pod["spec"]
    own = [
        {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect}
        for taint, effect in _TOLERATED
    ]
    name = {"key": "metadata.name", "operator": "In", "values": [node["metadata"]["name"]]}
    required = {"nodeSelectorTerms": [{"matchFields": [name]}]}
    affinity = dict(spec.get("affinity") or {})
    affinity["nodeAffinity"] = {
        **(affinity.get("nodeAffinity") or {}),
        "requiredDuringSchedulingIgnoredDuringExecution": required,
    }
    pod["spec"] = {**spec, "affinity": affinity, "tolerations": [*(spec.get("tolerations") or ()), *own]}
    return pod
