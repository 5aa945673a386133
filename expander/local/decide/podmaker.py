"""The pods a Job makes: its template with what the controller adds.

pkg/controller/job (job_controller.go, indexed_job_utils.go) and pkg/controller (GetPodFromTemplate) decide:
the tracking finalizer, the controller reference; for an Indexed Job also the index as annotation, label,
host name and variable of every container, and the failure counts where indexes have their own limit.
"""

from __future__ import annotations

from typing import Any

from expander.kube.wellknown import (
    FINALIZER,
    INDEX,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    INDEX_VARIABLE,
    Object,
    number,
)
from expander.local.decide import failure_policy
from expander.local.decide.gather import UNKNOWN, Entry

LONGEST_PREFIX = 58
"""Longest part of a generated name before its five random characters (apiserver's name generator)."""

VARIABLE = {
    "name": INDEX_VARIABLE,
    "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}},
}


def pod_prefix(job: str, index: int = UNKNOWN) -> str:
    """The generateName of a pod of the Job called ``job``."""
    end = "-" if index == UNKNOWN else f"-{index}-"
    return job[: LONGEST_PREFIX - len(end)] + end if index != UNKNOWN else (job + end)[:LONGEST_PREFIX]


def pod_name(job: str, index: int | None, token: str) -> str:
    """The name of a pod: of the Job called ``job``, its index if it has one, and five random characters."""
    return pod_prefix(job, UNKNOWN if index is None else index) + token


class Maker:
    """Makes the pods of one Job in one turn; what they have in common is made once and shared."""

    __slots__ = ("_finalizers", "_job", "_metadata", "_owner", "_spec", "_template")

    def __init__(self, job: Object) -> None:
        template, metadata = job["spec"]["template"], job["metadata"]
        self._job = job
        self._metadata = template.get("metadata") or {}
        self._template = template["spec"]
        self._finalizers = list(self._metadata.get("finalizers") or ())
        if FINALIZER not in self._finalizers:
            self._finalizers.append(FINALIZER)
        self._owner = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "name": metadata["name"],
            "uid": metadata["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        self._spec: dict[str, Any] | None = None

    def pod(self, index: int = UNKNOWN, replaces: Entry | None = None) -> dict[str, Any]:
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
        if index != UNKNOWN:
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

    def _failures(self, replaces: Entry | None) -> dict[str, str]:
        """The annotations that count the failures of the index, ``replaces`` included."""
        if replaces is None:
            return {INDEX_FAILURES: "0"}
        annotations = replaces.pod["metadata"].get("annotations")
        counts = failure_policy.match(self._job["spec"].get("podFailurePolicy"), replaces.pod).counts
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
    return {**container, "env": [*env, VARIABLE]}
