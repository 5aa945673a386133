"""The pods of one Job, sorted for the controller's rules, and the new ones it makes.

`JobPods` is kept from sync to sync: `put` and `drop` cost the same however many pods there are. Pods that
ended and lost their finalizer are counted in the Job's status and forgotten here.
pkg/controller/controller_utils.go decides what is active and terminating; job_controller.go,
indexed_job_utils.go and GetPodFromTemplate what the controller adds to the template: the tracking finalizer,
the controller reference; for an Indexed Job also the index as annotation, label, host name and variable of
every container, and the failure counts where indexes have their own limit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.kube.objects import statuses_of
from expander.kube.wellknown import (
    FINALIZER,
    INDEX,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    INDEX_VARIABLE,
    Object,
    number,
)
from expander.local.controllers.job import pod_failure_policy

UNKNOWN_INDEX = -1
"""The index of a pod that has none."""


class PodRecord:
    """What the rules need of one pod.

    ``index`` is its completion index or `UNKNOWN`; ``phase`` as in its status; ``deleted`` whether it has a
    deletion timestamp; ``tracked`` whether it still has the tracking finalizer; ``ready`` its Ready
    condition; ``restarts`` those of all its containers together.
    """

    __slots__ = ("deleted", "index", "phase", "pod", "ready", "restarts", "tracked", "uid")

    def __init__(self, pod: dict[str, Any]) -> None:
        metadata, status = pod["metadata"], pod.get("status") or {}
        self.pod = pod
        self.uid: str = metadata["uid"]
        notes = metadata.get("annotations")
        self.index = number(notes, INDEX, UNKNOWN_INDEX) if notes else UNKNOWN_INDEX
        self.phase: str = status.get("phase") or "Pending"
        self.deleted = metadata.get("deletionTimestamp") is not None
        self.tracked = FINALIZER in (metadata.get("finalizers") or ())
        self.ready = is_ready(status)
        self.restarts = 0
        for container in statuses_of(pod):
            self.restarts += container.get("restartCount") or 0

    @property
    def ended(self) -> bool:
        """Whether no container of the pod will run again."""
        return self.phase == "Succeeded" or self.phase == "Failed"


class JobPods:
    """The pods of one Job by group; each group maps uids to records, oldest news first.

    ``active``: neither ended nor deleted. ``terminating``: deleted, not ended. ``ended``: ended and not yet
    counted. ``ready`` counts the ready ones among the active, ``restarts`` the container restarts of pods
    that have not ended, ``failures`` the ended pods that failed; ``by_index`` counts the active pods of
    every index.
    """

    __slots__ = ("_highest", "active", "by_index", "ended", "failures", "ready", "restarts", "terminating")

    def __init__(self, pods: Iterable[dict[str, Any]] = ()) -> None:
        self.active: dict[str, PodRecord] = {}
        self.terminating: dict[str, PodRecord] = {}
        self.ended: dict[str, PodRecord] = {}
        self.by_index: dict[int, int] = {}
        self.ready = self.restarts = self.failures = 0
        self._highest = UNKNOWN_INDEX
        for pod in pods:
            self.put(pod)

    def put(self, pod: dict[str, Any]) -> None:
        """The pod is new or has changed. The mapping is kept; tell of it again when it changes."""
        record = PodRecord(pod)
        self.drop(record.uid)
        if record.ended:
            if record.tracked:
                self.ended[record.uid] = record
                self.failures += record.phase == "Failed"
            return
        self.restarts += record.restarts
        if record.deleted:
            self.terminating[record.uid] = record
            return
        self.active[record.uid] = record
        self.ready += record.ready
        self.by_index[record.index] = self.by_index.get(record.index, 0) + 1
        if record.index > self._highest:
            self._highest = record.index

    def replace(self, pod: dict[str, Any]) -> None:
        """Nothing has changed in the pod that a `PodRecord` tells."""
        for group in (self.active, self.terminating, self.ended):
            if (record := group.get(pod["metadata"]["uid"])) is not None:
                record.pod = pod

    def drop(self, uid: str) -> None:
        """The pod is gone; nothing happens when it is not known."""
        record = self.active.pop(uid, None)
        if record is not None:
            self.ready -= record.ready
            self.restarts -= record.restarts
            left = self.by_index[record.index] - 1
            if left:
                self.by_index[record.index] = left
            else:
                del self.by_index[record.index]
            return
        record = self.terminating.pop(uid, None)
        if record is not None:
            self.restarts -= record.restarts
            return
        record = self.ended.pop(uid, None)
        if record is not None:
            self.failures -= record.phase == "Failed"

    def are_distinct(self, completions: int) -> bool:
        """Whether each active pod has an index of its own below ``completions``."""
        if len(self.by_index) != len(self.active) or UNKNOWN_INDEX in self.by_index:
            return False
        if self._highest >= completions:
            self._highest = max(self.by_index, default=UNKNOWN_INDEX)
        return self._highest < completions

    def __len__(self) -> int:
        return len(self.active) + len(self.terminating) + len(self.ended)


def is_ready(status: Object) -> bool:
    """Whether a pod status has the Ready condition."""
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            return bool(condition.get("status") == "True")
    return False


MAX_GENERATED_PREFIX = 58
"""Longest part of a generated name before its five random characters (apiserver's name generator)."""

INDEX_ENV = {
    "name": INDEX_VARIABLE,
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}},
}


def pod_prefix(job: str, index: int = UNKNOWN_INDEX) -> str:
    """The generateName of a pod of the Job called ``job``."""
    end = "-" if index == UNKNOWN_INDEX else f"-{index}-"
    return (
        job[: MAX_GENERATED_PREFIX - len(end)] + end
        if index != UNKNOWN_INDEX
        else (job + end)[:MAX_GENERATED_PREFIX]
    )


def pod_name(job: str, index: int | None, token: str) -> str:
    """The name of a pod: of the Job called ``job``, its index if it has one, and five random characters."""
    return pod_prefix(job, UNKNOWN_INDEX if index is None else index) + token


def start_note(pod: Object) -> str | None:
    """What `pod_of_note` makes the pod of again, with its Job; None for one that has an index, or no Job."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences")
    if not owners or (owner := owners[0])["kind"] != "Job" or owner["apiVersion"] != "batch/v1":
        return None
    if INDEX in (metadata.get("annotations") or ()):
        return None
    return f"{owner['uid']} {metadata['name']} {metadata['creationTimestamp']}"


def job_of_note(note: str) -> str:
    """The uid of the Job of the pod with this `start_note`."""
    return note.partition(" ")[0]


def pod_of_note(job: Object, uid: str, note: str) -> dict[str, Any]:
    """The pod of the Job, as it was before it had a place."""
    pod = PodFactory(job).new_pod()
    _, name, created = note.split(" ")
    pod["metadata"] |= {"name": name, "uid": uid, "creationTimestamp": created}
    return {**pod, "status": {"phase": "Pending"}}


def controller_reference(owner: Object) -> dict[str, Any]:
    """The reference to an object by which it owns others (NewControllerRef of apimachinery)."""
    metadata = owner["metadata"]
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


class PodFactory:
    """Makes the pods of one Job in one sync; what they have in common is made once and shared."""

    __slots__ = ("_finalizers", "_job", "_metadata", "_owner", "_spec", "_template")

    def __init__(self, job: Object) -> None:
        template = job["spec"]["template"]
        self._job = job
        self._metadata = template.get("metadata") or {}
        self._template = template["spec"]
        self._finalizers = list(self._metadata.get("finalizers") or ())
        if FINALIZER not in self._finalizers:
            self._finalizers.append(FINALIZER)
        self._owner = controller_reference(job)
        self._spec: dict[str, Any] | None = None

    def new_pod(self, index: int = UNKNOWN_INDEX, replaces: PodRecord | None = None) -> dict[str, Any]:
        """A new pod; ``replaces`` is the failed pod of the same index, where indexes have own limits."""
        owner, own = self._job["metadata"], self._metadata
        metadata: dict[str, Any] = {
            "generateName": pod_prefix(owner["name"], index),
            "namespace": owner.get("namespace", "default"),
            "labels": dict(own.get("labels") or {}),
            "finalizers": list(self._finalizers),
            "ownerReferences": [self._owner],
        }
        annotations = dict(own.get("annotations") or {})
        spec = self._template
        if index != UNKNOWN_INDEX:
            annotations[INDEX] = metadata["labels"][INDEX] = str(index)
            if self._job["spec"].get("backoffLimitPerIndex") is not None:
                annotations.update(self._failures(replaces))
            spec = {**self._indexed_spec(), "hostname": f"{owner['name']}-{index}"}
        if annotations:
            metadata["annotations"] = annotations
        return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}

    def _indexed_spec(self) -> dict[str, Any]:
        if self._spec is None:
            self._spec = dict(self._template)
            for kind in ("initContainers", "containers"):
                if self._spec.get(kind):
                    self._spec[kind] = [_with_variable(container) for container in self._spec[kind]]
        return self._spec

    def _failures(self, replaces: PodRecord | None) -> dict[str, str]:
        """The annotations that count the failures of the index, ``replaces`` included."""
        if replaces is None:
            return {INDEX_FAILURES: "0"}
        annotations = replaces.pod["metadata"].get("annotations")
        counts = pod_failure_policy.match(self._job["spec"].get("podFailurePolicy"), replaces.pod).counts
        failures = number(annotations, INDEX_FAILURES) + counts
        ignored = number(annotations, INDEX_IGNORED_FAILURES) + (not counts)
        found = {INDEX_FAILURES: str(failures)}
        if ignored:
            found[INDEX_IGNORED_FAILURES] = str(ignored)
        return found


def _with_variable(container: dict[str, Any]) -> dict[str, Any]:
    env = container.get("env") or []
    if any(each.get("name") == INDEX_VARIABLE for each in env):
        return container
    return {**container, "env": [*env, INDEX_ENV]}
