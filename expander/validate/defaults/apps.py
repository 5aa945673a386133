"""The defaults of what keeps pods running (pkg/apis/apps/v1 and pkg/apis/core/v1 ``defaults.go``)."""

from __future__ import annotations

from typing import Any, Final

from expander.validate.defaults.core import claim, pod_spec

HISTORY: Final = 10
"""Revisions that are kept."""
PROGRESS_SECONDS: Final = 600


def _pods(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of the pods of a workload, which is there after decoding if the manifest has none."""
    found: dict[str, Any] = spec.setdefault("template", {}).setdefault("spec", {})
    return found


def _strategy(spec: dict[str, Any], field: str, **rolling: str | int) -> None:
    """Fill in how pods are replaced: one after the other, by ``rolling``, unless the manifest says else."""
    strategy = spec.setdefault(field, {})
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
    if strategy["type"] == "RollingUpdate":
        found = strategy.setdefault("rollingUpdate", {})
        for name, value in rolling.items():
            found.setdefault(name, value)


def replica_set(obj: dict[str, Any]) -> None:
    """Fill in a ReplicaSet."""
    obj["spec"].setdefault("replicas", 1)
    pod_spec(_pods(obj["spec"]))


def replication_controller(obj: dict[str, Any]) -> None:
    """Fill in a ReplicationController: selector and labels are those of its pods unless they are given."""
    spec = obj["spec"]
    labels = spec.setdefault("template", {}).setdefault("metadata", {}).get("labels")
    if labels:
        if not spec.get("selector"):
            spec["selector"] = dict(labels)
        if not obj["metadata"].get("labels"):
            obj["metadata"]["labels"] = dict(labels)
    spec.setdefault("replicas", 1)
    pod_spec(_pods(spec))


def deployment(obj: dict[str, Any]) -> None:
    """Fill in a Deployment."""
    spec = obj["spec"]
    spec.setdefault("replicas", 1)
    _strategy(spec, "strategy", maxUnavailable="25%", maxSurge="25%")
    spec.setdefault("revisionHistoryLimit", HISTORY)
    spec.setdefault("progressDeadlineSeconds", PROGRESS_SECONDS)
    pod_spec(_pods(spec))


def daemon_set(obj: dict[str, Any]) -> None:
    """Fill in a DaemonSet."""
    spec = obj["spec"]
    _strategy(spec, "updateStrategy", maxUnavailable=1, maxSurge=0)
    spec.setdefault("revisionHistoryLimit", HISTORY)
    pod_spec(_pods(spec))


def stateful_set(obj: dict[str, Any]) -> None:
    """Fill in a StatefulSet."""
    spec = obj["spec"]
    if not spec.get("podManagementPolicy"):
        spec["podManagementPolicy"] = "OrderedReady"
    _strategy(spec, "updateStrategy", partition=0)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    for field in ("whenDeleted", "whenScaled"):
        if not retention.get(field):
            retention[field] = "Retain"
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", HISTORY)
    pod_spec(_pods(spec))
    for template in spec.get("volumeClaimTemplates", ()):
        template |= {"apiVersion": "v1", "kind": "PersistentVolumeClaim"}
        template.setdefault("spec", {})
        template.setdefault("status", {})
        claim(template)
