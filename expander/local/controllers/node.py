"""The one node of a cluster: this machine, as an object of the API.

Whether pods may come to it is said by ``spec.unschedulable``, which ``kubectl cordon`` and ``drain`` set; the
node lifecycle controller shows it as a taint.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from expander.kube.generated_names import new_uid
from expander.kube.quantity import Form, Quantity
from expander.kube.time import api_time
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object

UNSCHEDULABLE_TAINT: Final = "node.kubernetes.io/unschedulable"


def node_object(name: str, scheduler: Scheduler, now: float) -> Object:
    """The Node called ``name`` with the place that ``scheduler`` has."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": new_uid(),
            "creationTimestamp": api_time(now),
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {},
        "status": node_status(scheduler, api_time(now)),
    }


def node_status(scheduler: Scheduler, since: str) -> Object:
    """What the node has, and that it has been ready ``since`` then."""
    size = {
        "cpu": str(Quantity(Fraction(scheduler.size.cpu, 1000), Form.DECIMAL_SI)),
        "memory": f"{scheduler.size.memory // 1024}Ki",
        "pods": str(scheduler.pods),
    }
    ready = {
        "type": "Ready",
        "status": "True",
        "lastHeartbeatTime": since,
        "lastTransitionTime": since,
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }
    unknown = (
        "machineID",
        "systemUUID",
        "bootID",
        "kernelVersion",
        "osImage",
        "containerRuntimeVersion",
        "kubeletVersion",
        "kubeProxyVersion",
        "operatingSystem",
        "architecture",
    )
    return {
        "capacity": size,
        "allocatable": dict(size),
        "conditions": [ready],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": dict.fromkeys(unknown, ""),
    }


def is_unschedulable(node: Object) -> bool:
    """Whether no further pods may come to the node."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def with_taint(node: Object, now: float) -> Object:
    """The node with the taint that its ``unschedulable`` stands for, or without it."""
    spec = {**(node.get("spec") or {})}
    others = [each for each in spec.get("taints") or () if each["key"] != UNSCHEDULABLE_TAINT]
    if is_unschedulable(node):
        if len(others) < len(spec.get("taints") or ()):
            return node
        others.append({"key": UNSCHEDULABLE_TAINT, "effect": "NoSchedule", "timeAdded": api_time(now)})
    spec.pop("taints", None)
    return {**node, "spec": spec | ({"taints": others} if others else {})}
