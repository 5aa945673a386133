"""The pods of a Volcano Job: the template of a task with what the controller and the plugins add.

``createJobPod`` (job_controller_util.go) decides names, labels and annotations. The tracking finalizer is
ours: it keeps a pod that has ended until the Job has taken note, as for Jobs of Kubernetes.
"""

from __future__ import annotations

from typing import Any, Protocol

from expander.kube.volcano import API_VERSION
from expander.kube.wellknown import FINALIZER, Object
from expander.local.decide.volcano import plugins
from expander.local.decide.volcano.facts import INDEX, TASK, VERSION

GROUP = "scheduling.k8s.io/group-name"
GANG = "expander/gang"
GANG_LEAST = "expander/gang-least"
"""Annotations of a pod that gets its place together with others: the lot, and how many they must be."""


class Lot(Protocol):
    """Pods that get their places together; `machine.Gang`."""

    @property
    def key(self) -> str: ...

    @property
    def least(self) -> int: ...


def pod_name(job: str, task: str, index: int) -> str:
    """The name of a pod of a task."""
    return f"{job}-{task}-{index}"


def gang_of(pod: Object) -> tuple[str, int] | None:
    """The lot a pod gets its place with, and how many of it that must be; None for a pod by itself."""
    annotations = pod["metadata"].get("annotations") or {}
    key = annotations.get(GANG)
    return None if key is None else (key, int(annotations.get(GANG_LEAST, 1)))


def owner_of(job: Object) -> dict[str, Any]:
    """The reference to the Job in what belongs to it."""
    metadata = job["metadata"]
    return {
        "apiVersion": API_VERSION,
        "kind": "Job",
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


class Maker:
    """Makes the pods of one Job in one turn. ``version`` is the Job's, ``gang`` the lot they belong to."""

    def __init__(self, job: Object, version: int, gang: Lot) -> None:
        self._job = job
        self._version = version
        self._gang = gang
        self._owner = owner_of(job)

    def pod(self, task: Object, index: int) -> dict[str, Any]:
        """A new pod; what it shares with others is to be stored, not changed."""
        metadata, template = self._job["metadata"], task["template"]
        own = template.get("metadata") or {}
        name, namespace = metadata["name"], metadata.get("namespace", "default")
        queue = self._job["spec"]["queue"]
        common = {
            TASK: task["name"],
            INDEX: str(index),
            "volcano.sh/job-name": name,
            "volcano.sh/queue-name": queue,
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": pod_name(name, task["name"], index),
                "namespace": namespace,
                "labels": {**(own.get("labels") or {}), **common, "volcano.sh/job-namespace": namespace},
                "annotations": {
                    **(own.get("annotations") or {}),
                    **common,
                    GROUP: f"{name}-{metadata['uid']}",
                    "volcano.sh/template-uid": f"{name}-{task['name']}",
                    VERSION: str(self._version),
                    GANG: self._gang.key,
                    GANG_LEAST: str(self._gang.least),
                },
                "finalizers": [FINALIZER],
                "ownerReferences": [self._owner],
            },
            "spec": self._with_volumes(template["spec"]),
        }
        return plugins.dressed(pod, self._job, index)

    def _with_volumes(self, spec: Object) -> dict[str, Any]:
        """The volumes of the Job in every container; what is not a claim that is there already is empty."""
        volumes, mounts = [], []
        for number, volume in enumerate(self._job["spec"].get("volumes") or ()):
            claim = volume.get("volumeClaimName") or ""
            name = f"volcano-{number}"
            source = {"persistentVolumeClaim": {"claimName": claim}} if claim else {"emptyDir": {}}
            volumes.append({"name": name, **source})
            mounts.append({"name": name, "mountPath": volume["mountPath"]})
        if not volumes:
            return dict(spec)
        made = {**spec, "volumes": [*(spec.get("volumes") or ()), *volumes]}
        made["containers"] = [
            {**each, "volumeMounts": [*(each.get("volumeMounts") or ()), *mounts]}
            for each in spec["containers"]
        ]
        return made
