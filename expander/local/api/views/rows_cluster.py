"""Namespaces, nodes, quotas and limits as rows. Decided by kube-apiserver's printers, and for kinds without
one by apiserver's default table (``registry/rest/table.go``)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.api.views.columns import (
    AGE,
    NAME,
    NONE,
    NOTHING,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
    wide,
)

_ROLE: Final = "node-role.kubernetes.io/"
_OLD_ROLE: Final = "kubernetes.io/role"
_MISSING: Final = "<unknown>"


def _namespace(namespace: Object, now: float) -> Cells:
    phase = (namespace.get("status") or NOTHING).get("phase") or ""
    return [name_of(namespace), phase, age(created(namespace), now)]


def _node(node: Object, now: float) -> Cells:
    status = node.get("status") or NOTHING
    info = status.get("nodeInfo") or NOTHING
    return [
        name_of(node),
        _readiness(node.get("spec") or NOTHING, status),
        _roles(node["metadata"].get("labels") or NOTHING),
        age(created(node), now),
        info.get("kubeletVersion") or "",
        _address(status, "InternalIP"),
        _address(status, "ExternalIP"),
        info.get("osImage") or _MISSING,
        info.get("kernelVersion") or _MISSING,
        info.get("containerRuntimeVersion") or _MISSING,
    ]


def _readiness(spec: Object, status: Object) -> str:
    ready = [each for each in status.get("conditions") or () if each["type"] == "Ready"]
    words = ["Unknown"]
    if ready:
        words = ["Ready" if ready[-1].get("status") == "True" else "NotReady"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(labels: Object) -> str:
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    roles.add(labels.get(_OLD_ROLE) or "")
    return ",".join(sorted(roles - {""})) or NONE


def _address(status: Object, type: str) -> str:
    found = [each["address"] for each in status.get("addresses") or () if each["type"] == type]
    return found[0] if found else NONE


def _quota(quota: Object, now: float) -> Cells:
    status = quota.get("status") or NOTHING
    hard, used = status.get("hard") or NOTHING, status.get("used") or NOTHING
    requests: list[str] = []
    limits: list[str] = []
    for resource in sorted(hard):
        among = limits if resource.startswith("limits.") else requests
        among.append(f"{resource}: {used.get(resource, '0')}/{hard[resource]}")
    return [name_of(quota), ", ".join(requests), ", ".join(limits), age(created(quota), now)]


def _limits(limits: Object, now: float) -> Cells:
    return [name_of(limits), created(limits) or "0001-01-01T00:00:00Z"]


NAMESPACE: Final = Layout(
    (NAME, Column("Status", description="Whether the namespace is there to stay."), AGE), _namespace
)
NODE: Final = Layout(
    (
        NAME,
        Column("Status", description="Whether the node is ready, and takes pods."),
        Column("Roles", description="What the node is for."),
        AGE,
        Column("Version", description="The version of what runs the pods."),
        wide("Internal-IP", "Its address within the cluster."),
        wide("External-IP", "Its address outside of the cluster."),
        wide("OS-Image", "The operating system."),
        wide("Kernel-Version", "The version of the kernel."),
        wide("Container-Runtime", "What runs containers, and its version."),
    ),
    _node,
)
RESOURCE_QUOTA: Final = Layout(
    (
        NAME,
        Column("Request", description="What is used of each resource, of what may be."),
        Column("Limit", description="The same for resources that are limits of containers."),
        AGE,
    ),
    _quota,
)
LIMIT_RANGE: Final = Layout(
    (NAME, Column("Created At", "date", description="When the object came into being.")), _limits
)
