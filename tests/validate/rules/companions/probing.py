"""Objects in short, and the causes that the API server gives for them."""

from __future__ import annotations

from typing import Any

import yaml

from expander.validate.check import check

API = {
    "DaemonSet": "apps/v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "PodDisruptionBudget": "policy/v1",
    "Role": "rbac.authorization.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1",
    "ClusterRole": "rbac.authorization.k8s.io/v1",
    "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
    "RuntimeClass": "node.k8s.io/v1",
    "StorageClass": "storage.k8s.io/v1",
    "Lease": "coordination.k8s.io/v1",
    "ControllerRevision": "apps/v1",
    "ValidatingAdmissionPolicy": "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicyBinding": "admissionregistration.k8s.io/v1",
}


def whole(kind: str, fields: str) -> dict[str, Any]:
    """An object of ``kind`` with ``fields``, a mapping in YAML; its name is ``thing`` unless it has one."""
    body = yaml.safe_load(f"{{{fields}}}")
    return {"apiVersion": API.get(kind, "v1"), "kind": kind, "metadata": {"name": "thing"}, **body}


def wrong(kind: str, fields: str, causes: list[str]) -> str:
    """Where the causes differ from ``causes``, of which each is the beginning of one; empty where they agree."""
    found = check(whole(kind, fields))
    told = sorted(str(each) for each in found or ())
    expected = sorted(causes)
    agree = (
        found is not None
        and len(told) == len(expected)
        and all(one.startswith(other) for one, other in zip(told, expected, strict=True))
    )
    return "" if agree else f"{kind} {{{fields}}}: {told} instead of {expected}"
