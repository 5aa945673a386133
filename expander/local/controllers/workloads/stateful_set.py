"""StatefulSets: pods with a number, a name and claims of their own (pkg/controller/statefulset)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.base.errors import ExpanderError
from expander.kube.objects import pod_has_ended
from expander.kube.wellknown import CLAIM_PROTECTION
from expander.local.controllers.events import Recorder
from expander.local.controllers.pods import PodControl
from expander.local.controllers.workloads.replicas import (
    available_at,
    count,
    is_active,
    new_pod,
    owned_pods,
)
from expander.local.controllers.workloads.revisions import REVISION_LABEL, revision_of, template_of, trim
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

NAME_LABEL: Final = "statefulset.kubernetes.io/pod-name"
INDEX_LABEL: Final = "apps.kubernetes.io/pod-index"
RETRY_SECONDS: Final = 1.0
"""Seconds until a pod that was refused is asked for again."""

Create = Callable[[dict[str, Any], float], Object | None]
"""Creates an object; None when there is one of that name."""


class StatefulSetController:
    """The StatefulSets of one store."""

    def __init__(self, store: ObjectStore, pods: PodControl, recorder: Recorder, create: Create) -> None:
        self._store = store
        self._pods = pods
        self._recorder = recorder
        self._create = create

    def sync(self, owner: Object, now: float, delete: Callable[[Object], None]) -> float | None:
        """Do what is to be done for one StatefulSet; when to look again (Unix seconds)."""
        if owner["metadata"].get("deletionTimestamp"):
            return None
        spec = owner["spec"]
        update = revision_of(self._store, owner, now)
        names = {update["metadata"]["name"]: update}
        current_name = (owner.get("status") or {}).get("currentRevision") or update["metadata"]["name"]
        current = (
            self._store.get("ControllerRevision", owner["metadata"]["namespace"], current_name) or update
        )
        names[current["metadata"]["name"]] = current
        there = {_ordinal(pod): pod for pod in owned_pods(self._store, owner)}
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec["replicas"])
        again = self._step(owner, there, wanted, current, update, now)
        return self._put_status(owner, current, update, now, again, delete)

    def _step(
        self,
        owner: Object,
        there: dict[int, Object],
        wanted: range,
        current: Object,
        update: Object,
        now: float,
    ) -> float | None:
        """Create, delete or replace pods: in order one at a time, unless the policy is Parallel."""
        spec = owner["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        min_ready = spec.get("minReadySeconds") or 0
        partition = ((spec["updateStrategy"].get("rollingUpdate") or {}).get("partition")) or 0
        again = None
        for ordinal in wanted:
            pod = there.get(ordinal)
            if pod is None:
                revision = update if ordinal >= wanted.start + partition else current
                if spec["updateStrategy"]["type"] == "OnDelete":
                    revision = update
                if not self._create_pod(owner, ordinal, revision, now):
                    return now + RETRY_SECONDS
                if ordered:
                    return None
                continue
            if pod_has_ended(pod):
                self._delete_pod(owner, pod, now)
                if ordered:
                    return None
            elif ordered and not _healthy(pod, min_ready, now):
                return available_at(pod, min_ready)
            elif not _healthy(pod, min_ready, now):
                again = available_at(pod, min_ready)
        surplus = sorted((ordinal for ordinal in there if ordinal not in wanted), reverse=True)
        for ordinal in surplus:
            if is_active(there[ordinal]):
                self._delete_pod(owner, there[ordinal], now)
            if ordered:
                return None
        if spec["updateStrategy"]["type"] == "RollingUpdate" and not surplus:
            self._roll(owner, there, wanted, partition, update, now)
        return again

    def _roll(
        self,
        owner: Object,
        there: dict[int, Object],
        wanted: range,
        partition: int,
        update: Object,
        now: float,
    ) -> None:
        """Replace the highest pod that is of an older revision, if those above it are well."""
        min_ready = owner["spec"].get("minReadySeconds") or 0
        for ordinal in reversed(wanted[partition:]):
            pod = there.get(ordinal)
            if pod is None:
                return
            if pod["metadata"]["labels"].get(REVISION_LABEL) != update["metadata"]["name"]:
                if is_active(pod):
                    self._delete_pod(owner, pod, now)
                return
            if not _healthy(pod, min_ready, now):
                return

    def _create_pod(self, owner: Object, ordinal: int, revision: Object, now: float) -> bool:
        metadata, spec = owner["metadata"], owner["spec"]
        pod = new_pod(owner, template_of(revision))
        name = f"{metadata['name']}-{ordinal}"
        del pod["metadata"]["generateName"]
        pod["metadata"]["name"] = name
        pod["metadata"]["labels"] |= {
            REVISION_LABEL: revision["metadata"]["name"],
            NAME_LABEL: name,
            INDEX_LABEL: str(ordinal),
        }
        claims = {each["metadata"]["name"]: each for each in spec.get("volumeClaimTemplates") or ()}
        pod["spec"] = {**pod["spec"], "hostname": name, "subdomain": spec.get("serviceName") or ""}
        others = [each for each in pod["spec"].get("volumes") or () if each["name"] not in claims]
        if claims:
            own = [
                {"name": each, "persistentVolumeClaim": {"claimName": f"{each}-{name}"}}
                for each in sorted(claims)
            ]
            pod["spec"]["volumes"] = [*own, *others]
        try:
            for each in claims.values():
                self._create(_claim(owner, each, name), now)
            self._pods.create(pod, now)
        except ExpanderError as error:
            message = f"create Pod {name} in StatefulSet {metadata['name']} failed error: {error}"
            self._recorder.record(owner, "Warning", "FailedCreate", message, now)
            return False
        message = f"create Pod {name} in StatefulSet {metadata['name']} successful"
        self._recorder.record(owner, "Normal", "SuccessfulCreate", message, now)
        return True

    def _delete_pod(self, owner: Object, pod: Object, now: float) -> None:
        name = pod["metadata"]["name"]
        message = f"delete Pod {name} in StatefulSet {owner['metadata']['name']} successful"
        self._recorder.record(owner, "Normal", "SuccessfulDelete", message, now)
        self._pods.delete(pod["metadata"]["uid"], now)

    def _put_status(
        self,
        owner: Object,
        current: Object,
        update: Object,
        now: float,
        again: float | None,
        delete: Callable[[Object], None],
    ) -> float | None:
        spec, before = owner["spec"], owner.get("status") or {}
        pods = owned_pods(self._store, owner)
        counts = count(pods, spec.get("minReadySeconds") or 0, now)
        of = [pod["metadata"]["labels"].get(REVISION_LABEL) for pod in pods if is_active(pod)]
        updated = of.count(update["metadata"]["name"])
        if updated == len(of) == spec["replicas"] == counts.ready:
            current = update
        status: dict[str, Any] = {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": counts.pods,
            "availableReplicas": counts.available,
            "currentRevision": current["metadata"]["name"],
            "updateRevision": update["metadata"]["name"],
            "collisionCount": 0,
        }
        numbers = {
            "readyReplicas": counts.ready,
            "currentReplicas": of.count(current["metadata"]["name"]),
            "updatedReplicas": updated,
        }
        status |= {field: number for field, number in numbers.items() if number}
        if before != status:
            self._store.put({**owner, "status": status})
        used = {*of, current["metadata"]["name"], update["metadata"]["name"]}
        trim(self._store, owner, used, delete)
        return min((at for at in (again, counts.next_at) if at is not None), default=None)


def _claim(owner: Object, template: Mapping[str, Any], pod: str) -> dict[str, Any]:
    metadata = template["metadata"]
    labels = {**(metadata.get("labels") or {}), **(owner["spec"]["selector"].get("matchLabels") or {})}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            **metadata,
            "name": f"{metadata['name']}-{pod}",
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "finalizers": [CLAIM_PROTECTION],
        },
        "spec": template["spec"],
    }


def _ordinal(pod: Object) -> int:
    text = pod["metadata"]["name"].rpartition("-")[2]
    return int(text) if text.isdigit() else -1


def _healthy(pod: Object, min_ready: int, now: float) -> bool:
    at = available_at(pod, min_ready)
    return is_active(pod) and at is not None and at <= now
