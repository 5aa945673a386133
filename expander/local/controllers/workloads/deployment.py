"""Deployments: ReplicaSets of which the newest takes over from the older ones (pkg/controller/deployment)."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor
from typing import Any, Final

from expander.kube.generated_names import new_uid
from expander.kube.time import api_time, unix
from expander.local.controllers.events import Recorder
from expander.local.controllers.job.pods import controller_reference
from expander.local.controllers.workloads.replicas import is_active, owned_pods, template_hash
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore
from expander.validate.updates import same

HASH_LABEL: Final = "pod-template-hash"
REVISION: Final = "deployment.kubernetes.io/revision"
_REVISION_HISTORY: Final = "deployment.kubernetes.io/revision-history"
_NOT_COPIED: Final = (REVISION, _REVISION_HISTORY, "kubectl.kubernetes.io/last-applied-configuration")


class DeploymentController:
    """The Deployments of one store. ``changed`` is told of each ReplicaSet that is new or another."""

    def __init__(
        self, store: ObjectStore, recorder: Recorder, changed: Callable[[Object, bool], None]
    ) -> None:
        self._store = store
        self._recorder = recorder
        self._changed = changed

    def sync(self, deployment: Object, now: float, delete: Callable[[Object], None]) -> float | None:
        """Do what is to be done for one Deployment; when to look again (Unix seconds)."""
        if deployment["metadata"].get("deletionTimestamp"):
            return None
        spec = deployment["spec"]
        sets = [
            each for each in self._store.owned(deployment["metadata"]["uid"]) if each["kind"] == "ReplicaSet"
        ]
        newest = next((each for each in sets if _same_template(each, spec["template"])), None)
        old = [
            each for each in sets if newest is None or each["metadata"]["uid"] != newest["metadata"]["uid"]
        ]
        if spec.get("paused"):
            self._put_status(deployment, newest, sets, now)
            return None
        made = newest is None
        newest = self._settle_revision(deployment, newest, old, now)
        if spec["strategy"]["type"] == "Recreate":
            self._recreate(deployment, newest, old, now)
        else:
            self._roll(deployment, newest, old, now)
        self._clean_up(spec, old, delete)
        sets = [
            each for each in self._store.owned(deployment["metadata"]["uid"]) if each["kind"] == "ReplicaSet"
        ]
        newest = self._store.by_uid(newest["metadata"]["uid"]) or newest
        return self._put_status(deployment, newest, sets, now, made=made)

    def _settle_revision(
        self, deployment: Object, newest: Object | None, old: list[Object], now: float
    ) -> Object:
        """The ReplicaSet of the present template, with the highest revision of all."""
        metadata = deployment["metadata"]
        highest = max((_revision(each) for each in old), default=0)
        copied = {
            key: value for key, value in (metadata.get("annotations") or {}).items() if key not in _NOT_COPIED
        }
        if newest is not None:
            revision = max(_revision(newest), highest + 1 if _revision(newest) <= highest else 0)
            annotations = {**(newest["metadata"].get("annotations") or {}), **copied, REVISION: str(revision)}
            if newest["metadata"].get("annotations") != annotations:
                newest = self._put({**newest, "metadata": {**newest["metadata"], "annotations": annotations}})
        else:
            newest = self._create(deployment, highest + 1, copied, now)
        revision_text = newest["metadata"]["annotations"][REVISION]
        if (metadata.get("annotations") or {}).get(REVISION) != revision_text:
            there = self._store.by_uid(metadata["uid"]) or deployment
            annotations = {**(there["metadata"].get("annotations") or {}), REVISION: revision_text}
            self._store.put({**there, "metadata": {**there["metadata"], "annotations": annotations}})
        return newest

    def _create(self, deployment: Object, revision: int, annotations: dict[str, str], now: float) -> Object:
        metadata, spec = deployment["metadata"], deployment["spec"]
        token = template_hash(spec["template"])
        labels = {**(spec["template"]["metadata"].get("labels") or {}), HASH_LABEL: token}
        selector = {**spec["selector"]}
        selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: token}
        wanted = {
            REVISION: str(revision),
            "deployment.kubernetes.io/desired-replicas": str(spec["replicas"]),
            "deployment.kubernetes.io/max-replicas": str(spec["replicas"] + self._bounds(deployment)[0]),
        }
        made: dict[str, Any] = {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": f"{metadata['name']}-{token}",
                "namespace": metadata["namespace"],
                "uid": new_uid(),
                "creationTimestamp": api_time(now),
                "generation": 1,
                "labels": labels,
                "annotations": annotations | wanted,
                "ownerReferences": [controller_reference(deployment)],
            },
            "spec": {
                "replicas": 0,
                "selector": selector,
                "template": {
                    **spec["template"],
                    "metadata": {**spec["template"]["metadata"], "labels": labels},
                },
            },
            "status": {"replicas": 0},
        }
        if spec.get("minReadySeconds"):
            made["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        made = self._store.put(made, new=True)
        self._changed(made, True)
        return made

    def _recreate(self, deployment: Object, newest: Object, old: list[Object], now: float) -> None:
        for each in old:
            self._scale(deployment, each, 0, now)
        if not any(_phase_runs(pod) for each in old for pod in owned_pods(self._store, each)):
            self._scale(deployment, newest, deployment["spec"]["replicas"], now)

    def _roll(self, deployment: Object, newest: Object, old: list[Object], now: float) -> None:
        replicas = deployment["spec"]["replicas"]
        surge, unavailable = self._bounds(deployment)
        total = sum(each["spec"]["replicas"] for each in (*old, newest))
        own = newest["spec"]["replicas"]
        if own > replicas:
            self._scale(deployment, newest, replicas, now)
        elif own < replicas and total < replicas + surge:
            self._scale(deployment, newest, own + min(replicas - own, replicas + surge - total), now)
        newest = self._store.by_uid(newest["metadata"]["uid"]) or newest
        total = sum(each["spec"]["replicas"] for each in (*old, newest))
        missing = newest["spec"]["replicas"] - _number(newest, "availableReplicas")
        spare = total - (replicas - unavailable) - missing
        for each in sorted(old, key=_revision):  # pods that do not work go first
            broken = each["spec"]["replicas"] - _number(each, "availableReplicas")
            going = min(broken, spare)
            if going > 0:
                self._scale(deployment, each, each["spec"]["replicas"] - going, now)
                spare -= going
        old = [self._store.by_uid(each["metadata"]["uid"]) or each for each in old]
        spare = sum(_number(each, "availableReplicas") for each in (*old, newest)) - (replicas - unavailable)
        for each in sorted(old, key=_revision):
            going = min(each["spec"]["replicas"], spare)
            if going > 0:
                self._scale(deployment, each, each["spec"]["replicas"] - going, now)
                spare -= going

    def _bounds(self, deployment: Object) -> tuple[int, int]:
        """How many pods there may be too many, and how many may be missing (ResolveFenceposts)."""
        spec = deployment["spec"]
        rolling = spec["strategy"].get("rollingUpdate") or {}
        surge = _share(rolling.get("maxSurge", 0), spec["replicas"], ceil)
        unavailable = _share(rolling.get("maxUnavailable", 0), spec["replicas"], floor)
        return surge, unavailable or (1 if not surge else 0)

    def _scale(self, deployment: Object, each: Object, replicas: int, now: float) -> None:
        before = each["spec"]["replicas"]
        if before == replicas:
            return
        metadata = {**each["metadata"], "generation": each["metadata"].get("generation", 1) + 1}
        self._put({**each, "metadata": metadata, "spec": {**each["spec"], "replicas": replicas}})
        way = "up" if replicas > before else "down"
        message = f"Scaled {way} replica set {each['metadata']['name']} from {before} to {replicas}"
        self._recorder.record(deployment, "Normal", "ScalingReplicaSet", message, now)

    def _put(self, each: Object) -> Object:
        stored = self._store.put(each)
        self._changed(stored, False)
        return stored

    def _clean_up(self, spec: Object, old: list[Object], delete: Callable[[Object], None]) -> None:
        """Delete the oldest ReplicaSets beyond the history limit that have no pods."""
        empty = [each for each in old if not each["spec"]["replicas"] and not _number(each, "replicas")]
        surplus = len(old) - spec.get("revisionHistoryLimit", 10)
        for each in sorted(empty, key=_revision)[: max(0, surplus)]:
            delete(each)

    def _put_status(
        self, deployment: Object, newest: Object | None, sets: list[Object], now: float, *, made: bool = False
    ) -> float | None:
        there = self._store.by_uid(deployment["metadata"]["uid"]) or deployment
        spec, before = there["spec"], there.get("status") or {}
        totals = {
            "replicas": sum(_number(each, "replicas") for each in sets),
            "updatedReplicas": 0 if newest is None else _number(newest, "replicas"),
            "readyReplicas": sum(_number(each, "readyReplicas") for each in sets),
            "availableReplicas": sum(_number(each, "availableReplicas") for each in sets),
        }
        wanted = max(spec["replicas"], totals["replicas"])
        totals["unavailableReplicas"] = max(0, wanted - totals["availableReplicas"])
        enough = totals["availableReplicas"] >= spec["replicas"] - self._bounds(there)[1]
        available = _condition("Available", enough, *_AVAILABLE[enough])
        progress, due = self._progress(there, newest, totals, before, now, made=made)
        conditions = [_dated(each, before, now) for each in (available, progress) if each is not None]
        status = {"observedGeneration": there["metadata"].get("generation", 1)}
        status |= {field: number for field, number in totals.items() if number}
        status["conditions"] = conditions
        if {**status, "conditions": _undated(status)} != {**before, "conditions": _undated(before)}:
            self._store.put({**there, "status": status})
        return due

    def _progress(
        self,
        deployment: Object,
        newest: Object | None,
        totals: dict[str, int],
        before: Object,
        now: float,
        *,
        made: bool,
    ) -> tuple[Object | None, float | None]:
        """The condition Progressing, and when it will be another although nothing happens."""
        spec = deployment["spec"]
        known = next((each for each in before.get("conditions") or () if each["type"] == "Progressing"), None)
        if newest is None:
            return known, None
        name = newest["metadata"]["name"]
        wanted = spec["replicas"]
        if totals["updatedReplicas"] == totals["replicas"] == totals["availableReplicas"] == wanted:
            message = f'ReplicaSet "{name}" has successfully progressed.'
            return _condition("Progressing", True, "NewReplicaSetAvailable", message), None
        if made:
            message = f'Created new replica set "{name}"'
            return _condition("Progressing", True, "NewReplicaSetCreated", message), None
        moved = any(totals[field] != (before.get(field) or 0) for field in totals)
        due = None
        if not moved and known is not None and known["reason"] != "NewReplicaSetAvailable":
            due = unix(known["lastUpdateTime"]) + spec.get("progressDeadlineSeconds", 600)
            if now >= due or known["reason"] == "ProgressDeadlineExceeded":
                message = f'ReplicaSet "{name}" has timed out progressing.'
                return _condition("Progressing", False, "ProgressDeadlineExceeded", message), None
            return known, due
        message = f'ReplicaSet "{name}" is progressing.'
        return _condition("Progressing", True, "ReplicaSetUpdated", message), due


_AVAILABLE: Final = {
    True: ("MinimumReplicasAvailable", "Deployment has minimum availability."),
    False: ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
}


def _condition(type: str, holds: bool, reason: str, message: str) -> Object:
    return {"type": type, "status": str(holds), "reason": reason, "message": message}


def _dated(condition: Object, before: Object, now: float) -> Object:
    """The condition with its times: those of before where it is the same."""
    known: dict[str, Any] = next(
        (each for each in before.get("conditions") or () if each["type"] == condition["type"]), {}
    )
    if all(known.get(field) == condition[field] for field in ("status", "reason", "message")):
        return known
    stamp = api_time(now)
    changed = known["lastTransitionTime"] if known.get("status") == condition["status"] else stamp
    times = {"lastUpdateTime": stamp, "lastTransitionTime": changed}
    return {"type": condition["type"], "status": condition["status"], **times, **condition}


def _undated(status: Object) -> list[Object]:
    times = ("lastUpdateTime", "lastTransitionTime")
    return [
        {key: value for key, value in each.items() if key not in times}
        for each in status.get("conditions") or ()
    ]


def _same_template(replica_set: Object, template: Object) -> bool:
    """Whether a ReplicaSet is of this template, whose hash label it has besides."""
    own = replica_set["spec"]["template"]
    labels = {key: value for key, value in (own["metadata"].get("labels") or {}).items() if key != HASH_LABEL}
    return same({**own, "metadata": {**own["metadata"], "labels": labels}}, template)


def _revision(replica_set: Object) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION, "0")
    return int(text) if text.isdigit() else 0


def _number(obj: Object, field: str) -> int:
    found: int = (obj.get("status") or {}).get(field) or 0
    return found


def _share(value: int | str, of: int, rounded: Callable[[float], int]) -> int:
    return value if isinstance(value, int) else rounded(int(value.removesuffix("%")) * of / 100)


def _phase_runs(pod: Object) -> bool:
    return is_active(pod) or bool(pod["metadata"].get("deletionTimestamp"))
