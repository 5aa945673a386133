"""ReplicaSets and ReplicationControllers: as many pods of one template as are wanted.

pkg/controller/replicaset decides; both kinds are one controller there, too.
"""

from __future__ import annotations

from typing import Any

from expander.kube.time import api_time
from expander.local.controllers.events import Recorder
from expander.local.controllers.job.controller import PodCreator
from expander.local.controllers.pods import PodControl
from expander.local.controllers.workloads.replicas import (
    count,
    deletion_rank,
    is_active,
    new_pod,
    owned_pods,
)
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore


class ReplicaSetController:
    """The ReplicaSets and ReplicationControllers of one store."""

    def __init__(self, store: ObjectStore, pods: PodControl, recorder: Recorder) -> None:
        self._store = store
        self._pods = pods
        self._recorder = recorder
        self._creator = PodCreator(pods, recorder)

    def sync(self, owner: Object, now: float) -> float | None:
        """Do what is to be done for one of them; when to look again (Unix seconds)."""
        uid, spec = owner["metadata"]["uid"], owner["spec"]
        active = [pod for pod in owned_pods(self._store, owner) if is_active(pod)]
        missing = spec["replicas"] - len(active)
        retry_at = None
        if not owner["metadata"].get("deletionTimestamp"):
            if missing > 0:
                self._creator.create(owner, [new_pod(owner, spec["template"]) for _ in range(missing)], now)
                retry_at = self._creator.retry_at(uid, now)
            else:
                self._creator.forget(uid)
            for pod in sorted(active, key=deletion_rank)[: max(0, -missing)]:
                message = f"Deleted pod: {pod['metadata']['name']}"
                self._recorder.record(owner, "Normal", "SuccessfulDelete", message, now)
                self._pods.delete(pod["metadata"]["uid"], now)
        next_at = self._put_status(owner, now)
        return min((at for at in (retry_at, next_at) if at is not None), default=None)

    def forget(self, uid: str) -> None:
        """The object is gone."""
        self._creator.forget(uid)
        self._recorder.forget(uid)

    def _put_status(self, owner: Object, now: float) -> float | None:
        counts = count(owned_pods(self._store, owner), owner["spec"].get("minReadySeconds") or 0, now)
        status: dict[str, Any] = {
            "replicas": counts.pods,
            "observedGeneration": owner["metadata"].get("generation", 1),
        }
        parts = ("fullyLabeledReplicas", counts.pods), ("readyReplicas", counts.ready)
        for field, number in (*parts, ("availableReplicas", counts.available)):
            if number:
                status[field] = number
        before = owner.get("status") or {}
        if conditions := self._conditions(owner["metadata"]["uid"], before.get("conditions") or [], now):
            status["conditions"] = conditions
        if before != status:
            self._store.put({**owner, "status": status})
        return counts.next_at

    def _conditions(self, uid: str, before: list[Object], now: float) -> list[Object]:
        """``ReplicaFailure`` as long as pods are refused (calculateStatus); it is the only one."""
        words = self._creator.refusal(uid)
        if words is None or before:
            return before if words is not None else []
        return [
            {
                "type": "ReplicaFailure",
                "status": "True",
                "lastTransitionTime": api_time(now),
                "reason": "FailedCreate",
                "message": words,
            }
        ]
