"""The one node of a cluster: this machine, as an object of the API.

Whether pods may come to it is said by ``spec.unschedulable``, which ``kubectl cordon`` and ``drain`` set; the
node lifecycle controller shows it as a taint.
"""

from __future__ import annotations

import os
import platform
import socket
from fractions import Fraction
from pathlib import Path
from typing import Final

from expander.kube.generated_names import new_uid
from expander.kube.quantity import Form, Quantity
from expander.kube.time import api_time
from expander.local.registry import GIT_VERSION
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.version import __version__

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
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": machine_info()["architecture"],
            },
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
    return {
        "capacity": size,
        "allocatable": dict(size),
        "conditions": [*_no_pressure(since), ready],
        "addresses": [
            {"type": "InternalIP", "address": "127.0.0.1"},
            {"type": "Hostname", "address": socket.gethostname().lower()},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": machine_info(),
    }


def _no_pressure(since: str) -> list[Object]:
    """The conditions of a node that has enough of everything, as its kubelet words them."""
    words = {
        "MemoryPressure": ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        "DiskPressure": ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        "PIDPressure": ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    }
    times = {"lastHeartbeatTime": since, "lastTransitionTime": since}
    return [
        {"type": type, "status": "False", **times, "reason": reason, "message": message}
        for type, (reason, message) in words.items()
    ]


def machine_info() -> dict[str, str]:
    """The NodeSystemInfo of this machine; what is not known of it is empty."""
    system = os.uname()
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine)
    return {
        "machineID": _first_line("/etc/machine-id"),
        "systemUUID": "",
        "bootID": _first_line("/proc/sys/kernel/random/boot_id"),
        "kernelVersion": system.release,
        "osImage": _os_name(),
        "containerRuntimeVersion": f"expander://{__version__}",
        "kubeletVersion": GIT_VERSION,
        "kubeProxyVersion": "",
        "operatingSystem": system.sysname.lower(),
        "architecture": architecture,
    }


def _first_line(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return ""


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return platform.system()


def node_lease(node: Object, now: float) -> Object:
    """The Lease by which the kubelet of a node says that it is alive."""
    metadata = node["metadata"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": metadata["name"], "uid": metadata["uid"]}
    renewed = api_time(now).replace("Z", ".000000Z")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {
            "name": metadata["name"],
            "namespace": "kube-node-lease",
            "uid": new_uid(),
            "creationTimestamp": api_time(now),
            "ownerReferences": [owner],
        },
        "spec": {"holderIdentity": metadata["name"], "leaseDurationSeconds": 40, "renewTime": renewed},
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
