"""How many pods of a PodDisruptionBudget may be evicted (pkg/controller/disruption decides)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.kube import selectors
from expander.kube.objects import owner_of, pod_has_ended
from expander.kube.time import api_time
from expander.local.controllers.batching import BatchedQueue
from expander.local.controllers.job.pods import is_ready
from expander.local.store.database import Object
from expander.local.store.job_states import OPEN
from expander.local.store.objects import ObjectStore

KIND: Final = "PodDisruptionBudget"
SCALABLE: Final = ("Deployment", "ReplicaSet", "ReplicationController", "StatefulSet")


class Budget(NamedTuple):
    """How many pods of a budget there are to be, must be healthy, and are; ``error`` is why nobody knows."""

    expected: int
    desired: int
    healthy: int
    error: str = ""

    @property
    def allowed(self) -> int:
        """How many pods may be evicted now."""
        return 0 if self.error or not self.expected else max(0, self.healthy - self.desired)


def budgets_of(store: ObjectStore, pod: Object) -> list[Object]:
    """The budgets that a pod is under."""
    return [each for each in store.all_of(KIND, pod["metadata"]["namespace"]) if _selects(each, pod)]


def budget(store: ObjectStore, obj: Object) -> Budget:
    """The arithmetic of a PodDisruptionBudget, as its pods are now."""
    pods = [
        pod
        for uid, _ in store.states("Pod", (OPEN,))
        if (pod := store.by_uid(uid)) is not None
        and pod["metadata"]["namespace"] == obj["metadata"]["namespace"]
        and not pod_has_ended(pod)
        and _selects(obj, pod)
    ]
    healthy = sum(
        1
        for pod in pods
        if not pod["metadata"].get("deletionTimestamp") and is_ready(pod.get("status") or {})
    )
    least, most = obj["spec"].get("minAvailable"), obj["spec"].get("maxUnavailable")
    if most is None and not isinstance(least, str):
        return Budget(len(pods), 1 if least is None else least, healthy)
    expected, error = _expected_scale(store, pods)
    desired = max(0, expected - _scaled(most, expected)) if most is not None else _scaled(least, expected)
    return Budget(expected, desired, healthy, error)


class DisruptionController:
    """The status of the budgets of one store; `sync` does what has come up since the last call."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self.queue = BatchedQueue()
        """The namespaces whose budgets are to be looked at."""
        self._namespaces: set[str] = set()
        """Those that have budgets."""

    def restore(self) -> None:
        """Take up the budgets of an earlier life."""
        for obj in self._store.of_kind(KIND):
            self.changed(obj)

    def changed(self, obj: Object) -> None:
        """An object of any kind is new, another, or gone."""
        namespace = obj["metadata"].get("namespace", "")
        if obj["kind"] == KIND:
            self._namespaces.add(namespace)
        if namespace in self._namespaces and obj["kind"] in (KIND, "Pod", *SCALABLE):
            self.queue.add(namespace)

    def sync(self, now: float) -> None:
        """Write what is due."""
        for namespace in self.queue.due(now):
            for obj in list(self._store.of_kind(KIND, namespace)):
                status = _status(obj, budget(self._store, obj), now)
                if status != obj.get("status"):
                    self._store.put({**obj, "status": status})


def _status(obj: Object, found: Budget, now: float) -> dict[str, Any]:
    allowed = found.allowed > 0
    reason = "SyncFailed" if found.error else "SufficientPods" if allowed else "InsufficientPods"
    generation = obj["metadata"].get("generation", 1)
    condition: dict[str, Any] = {
        "type": "DisruptionAllowed",
        "status": str(allowed),
        "reason": reason,
        "message": found.error,
        "observedGeneration": generation,
    }
    before = next(iter((obj.get("status") or {}).get("conditions") or ()), None)
    if before is not None and before["status"] == condition["status"]:
        condition["lastTransitionTime"] = before["lastTransitionTime"]
    else:
        condition["lastTransitionTime"] = api_time(now)
    return {
        "conditions": [condition],
        "currentHealthy": found.healthy,
        "desiredHealthy": found.desired,
        "disruptionsAllowed": found.allowed,
        "expectedPods": found.expected,
        "observedGeneration": generation,
    }


def _selects(obj: Object, pod: Object) -> bool:
    selector = obj["spec"].get("selector")
    return selector is not None and selectors.from_object(selector).matches(pod["metadata"].get("labels"))


def _scaled(value: Any, of: int) -> int:
    """A number, or a percentage of ``of`` rounded up."""
    return -(-of * int(value.rstrip("%")) // 100) if isinstance(value, str) else int(value or 0)


def _expected_scale(store: ObjectStore, pods: Iterable[Object]) -> tuple[int, str]:
    """How many pods the workloads of these want, and why that cannot be known of some."""
    scales: dict[str, int] = {}
    for pod in pods:
        found = store.by_uid(owner_of(pod))
        if found is not None and found["kind"] == "ReplicaSet":
            found = store.by_uid(owner_of(found)) or found
        if found is None:
            continue
        if found["kind"] not in SCALABLE:
            plural = f"{found['kind'].lower()}s"
            group = found["apiVersion"].rpartition("/")[0]
            return 0, f"{plural}{group and '.'}{group} does not implement the scale subresource"
        scales[found["metadata"]["uid"]] = found["spec"].get("replicas", 1)
    return sum(scales.values()), ""
