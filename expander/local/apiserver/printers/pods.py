"""The printer of Pods (``printPod`` of kube-apiserver decides).

The status column is not the phase: it names what keeps a container waiting, or how one ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.objects import ENDED
from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    NONE,
    NOTHING,
    Cells,
    Column,
    Conditions,
    Layout,
    Object,
    created,
    name_of,
    wide,
)

_MESSAGES: Final = {
    "Succeeded": "The pod has completed successfully.",
    "Failed": "The pod failed.",
}


@dataclass(slots=True)
class Restarts:
    """How often some containers restarted, and when the last of them ended (API form, or empty)."""

    number: int = 0
    last: str = ""

    def add(self, container: Object) -> None:
        """Count the restarts in the status of a container."""
        self.number += container.get("restartCount") or 0
        ended = ((container.get("lastState") or NOTHING).get("terminated") or NOTHING).get("finishedAt")
        self.last = max(self.last, ended or "")

    def text(self, now: float) -> str:
        """The cell at ``now`` (Unix seconds)."""
        if self.number and self.last:
            return f"{self.number} ({age(self.last, now)} ago)"
        return str(self.number)


def _pod(pod: Object, now: float) -> Cells:
    spec, status = pod["spec"], pod.get("status") or NOTHING
    ready, reason, count = summary(pod)
    addresses = status.get("podIPs") or ()
    total = len(spec.get("containers") or ()) + len(_sidecars(spec))
    return [
        name_of(pod),
        f"{ready}/{total}",
        reason,
        count.text(now),
        age(created(pod), now),
        (addresses[0].get("ip") if addresses else "") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def summary(pod: Object) -> tuple[int, str, Restarts]:
    """How many containers are ready, the word for the state of the pod, and its restarts."""
    status = pod.get("status") or NOTHING
    phase, conditions = status.get("phase") or "", status.get("conditions") or ()
    reason = status.get("reason") or phase
    if any(each["type"] == "PodScheduled" and each.get("reason") == "SchedulingGated" for each in conditions):
        reason = "SchedulingGated"
    ready, held_by, count, sidecar_count = _initializing(pod["spec"], status)
    if held_by:
        reason = held_by
    if not held_by or _is_true(conditions, "Initialized"):
        count = sidecar_count
        more, reason = _running(status, reason, count)
        ready += more
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            reason = "Unknown"
        elif phase not in ENDED:
            reason = "Terminating"
    return ready, reason, count


def _initializing(spec: Object, status: Object) -> tuple[int, str, Restarts, Restarts]:
    """Ready sidecars; what keeps the pod in its init phase; restarts of init containers, and of sidecars."""
    ready, sidecars, count, sidecar_count = 0, _sidecars(spec), Restarts(), Restarts()
    for number, container in enumerate(status.get("initContainerStatuses") or ()):
        count.add(container)
        sidecar = container["name"] in sidecars
        if sidecar:
            sidecar_count.add(container)
        state = container.get("state") or NOTHING
        terminated, waiting = state.get("terminated"), state.get("waiting") or NOTHING
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            held_by = terminated.get("reason") or _exit(terminated)
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            held_by = waiting["reason"]
        else:
            held_by = f"{number}/{len(spec.get('initContainers') or ())}"
        return ready, f"Init:{held_by}", count, sidecar_count
    return ready, "", count, sidecar_count


def _running(status: Object, reason: str, count: Restarts) -> tuple[int, str]:
    """Ready containers, and the state that the first container with something to tell gives the pod."""
    ready = 0
    for container in reversed(status.get("containerStatuses") or ()):
        count.add(container)
        state = container.get("state") or NOTHING
        terminated, waiting = state.get("terminated"), state.get("waiting") or NOTHING
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif terminated is not None:
            reason = terminated.get("reason") or _exit(terminated)
        elif container.get("ready") and state.get("running") is not None:
            ready += 1
    if reason == "Completed" and ready:
        reason = "Running" if _is_true(status.get("conditions") or (), "Ready") else "NotReady"
    return ready, reason


def _exit(terminated: Object) -> str:
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode') or 0}"


def _sidecars(spec: Object) -> set[str]:
    containers = spec.get("initContainers") or ()
    return {each["name"] for each in containers if each.get("restartPolicy") == "Always"}


def _is_true(conditions: Iterable[Mapping[str, Any]], type: str) -> bool:
    return any(each["type"] == type and each.get("status") == "True" for each in conditions)


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates") or ()
    conditions = status.get("conditions") or ()
    passed = sum(_is_true(conditions, gate["conditionType"]) for gate in gates)
    return f"{passed}/{len(gates)}" if gates else NONE


def _completed(pod: Object) -> Conditions:
    """Marks the row of a pod that has ended, so that clients can leave it out."""
    phase = (pod.get("status") or NOTHING).get("phase")
    if phase not in _MESSAGES:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": _MESSAGES[phase]}]


POD: Final = Layout(
    (
        NAME,
        Column("Ready", description="Containers that are ready, of those the pod has."),
        Column("Status", description="What the containers are doing, or how they ended."),
        Column("Restarts", description="How often containers were started again, and when last."),
        AGE,
        wide("IP", "The address of the pod."),
        wide("Node", "The node the pod runs on."),
        wide("Nominated Node", "The node that is being cleared for the pod."),
        wide("Readiness Gates", "Conditions that hold, of those the pod waits for."),
    ),
    _pod,
    _completed,
)
