"""The whole status of a pod, as the kubelet sends it to the API server.

The phase of a pod, from its containers (getPhase in pkg/kubelet/kubelet_pods.go, mergePodStatus).

The conditions of a pod that its kubelet keeps (pkg/kubelet/status/generate.go).

The quality-of-service class of a pod (ComputePodQOS in pkg/apis/core/v1/helper/qos).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from expander.kube.quantity import parse
from expander.kube.time import api_time
from expander.local.kubelet.container import Container, Role, State, container_status

if TYPE_CHECKING:
    from expander.local.kubelet.pod import Pod

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


def phase(first: Sequence[Container], main: Sequence[Container], over: bool) -> Phase:
    """The phase. ``over``: nothing of the pod runs any more and nothing will be started.

    A pod is in no last phase before it is over, whatever its containers did. The ends of sidecars don't
    count. A regular container that waits to be restarted counts as ended.
    """
    if over:
        failed = any(not part.has_ended or part.exit_code for part in main)
        return "Failed" if failed or not _initialized(first, main) else "Succeeded"
    if not _initialized(first, main) or not main[0].key:
        return "Pending"
    settled = all(part.state is State.RUNNING or part.has_ended for part in main)
    return "Running" if settled else "Pending"


def _initialized(first: Sequence[Container], main: Sequence[Container]) -> bool:
    """Whether the regular containers had their turn."""
    if any(part.key is not None for part in main):
        return True
    return all(
        part.started if part.role is Role.SIDECAR else part.has_ended and not part.exit_code for part in first
    )


KUBELET_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""In the order they are written."""

ConditionValue = tuple[bool, str | None, str | None]
"""Status, reason, message."""
YES: ConditionValue = (True, None, None)
NO: ConditionValue = (False, None, None)


def condition_values(
    first: Sequence[Container],
    main: Sequence[Container],
    phase: Phase,
    sandboxed: bool,
    gates: Sequence[Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> tuple[ConditionValue, ...]:
    """One verdict per condition of `OURS`.

    ``sandboxed``: the pod's folder and address are there and its containers not over. ``gates`` are the
    pod's readinessGates, ``others`` the conditions, by type, that someone else keeps.
    """
    ready = containers_ready(first, main, phase)
    return (
        YES if sandboxed else NO,
        initialized(first, main, phase),
        with_readiness_gates(gates, others) if ready[0] and gates else ready,
        ready,
        YES,
    )


def containers_ready(first: Sequence[Container], main: Sequence[Container], phase: Phase) -> ConditionValue:
    """The verdict on ContainersReady: regular containers and sidecars count."""
    if phase == "Succeeded":
        return (False, "PodCompleted", None)
    if phase == "Failed":
        return (False, "PodFailed", None)
    unready = [part.name for part in first if part.role is Role.SIDECAR and not part.ready]
    unready += [part.name for part in main if not part.ready]
    if unready:
        return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return YES


def initialized(first: Sequence[Container], main: Sequence[Container], phase: Phase) -> ConditionValue:
    """The verdict on Initialized: once a regular container has started it stays."""
    if phase == "Succeeded":
        return (True, "PodCompleted", None)
    if not first or any(part.key is not None for part in main):
        return YES
    incomplete = [
        part.name for part in first if not (part.started if part.role is Role.SIDECAR else part.ready)
    ]
    if incomplete:
        return (
            False,
            "ContainersNotInitialized",
            f"containers with incomplete status: [{' '.join(incomplete)}]",
        )
    return YES


def with_readiness_gates(
    gates: Sequence[Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]
) -> ConditionValue:
    """The verdict on Ready of a pod whose containers are: each of its gates must be open."""
    closed = []
    for gate in gates:
        name = gate["conditionType"]
        if name not in others:
            closed.append(f'corresponding condition of pod readiness gate "{name}" does not exist.')
        elif others[name].get("status") != "True":
            closed.append(
                f'the status of pod readiness gate "{name}" is not "True", but {others[name].get("status")}'
            )
    return (False, "ReadinessGatesNotReady", ", ".join(closed)) if closed else YES


QOS_RESOURCES = ("cpu", "memory")
"""The resources that count."""


def qos_class(spec: Mapping[str, Any]) -> Literal["BestEffort", "Burstable", "Guaranteed"]:
    """The class: by what all containers request, and whether each limits cpu and memory to just that."""
    guaranteed, asks = True, False
    for container in [*spec["containers"], *(spec.get("initContainers") or ())]:
        resources = container.get("resources")
        limits, requests = (resources.get("limits"), resources.get("requests")) if resources else (None, None)
        if not limits and not requests:
            guaranteed = False
            continue
        limits = _positive(limits)
        requests = limits | _positive(requests)
        asks = asks or bool(requests)
        guaranteed = guaranteed and len(limits) == len(QOS_RESOURCES) and limits == requests
    if not asks:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _positive(amounts: Mapping[str, Any] | None) -> dict[str, Any]:
    found = {name: parse(str(amounts[name])) for name in QOS_RESOURCES if amounts and name in amounts}
    return {name: amount for name, amount in found.items() if amount > 0}


class Conditions:
    """The kubelet's conditions of a pod: each keeps the time of its last change."""

    __slots__ = ("_since",)

    def __init__(self, before: Mapping[str, Mapping[str, Any]]) -> None:
        self._since = {
            kind: (before[kind]["status"], before[kind].get("lastTransitionTime"))
            for kind in KUBELET_CONDITIONS
            if kind in before
        }

    def write(
        self, found: tuple[ConditionValue, ...], generation: int | None, now: float
    ) -> list[dict[str, Any]]:
        """The conditions with these verdicts, in the API's form."""
        time = api_time(now)
        written = []
        for kind, (holds, reason, message) in zip(KUBELET_CONDITIONS, found, strict=True):
            status = "True" if holds else "False"
            known = self._since.get(kind)
            if known is None or known[0] != status:
                self._since[kind] = known = (status, time)
            condition: dict[str, Any] = {
                "type": kind,
                "status": status,
                "lastProbeTime": None,
                "lastTransitionTime": known[1],
            }
            if generation is not None:
                condition["observedGeneration"] = generation
            if reason is not None:
                condition["reason"] = reason
            if message is not None:
                condition["message"] = message
            written.append(condition)
        return written


def status_of(pod: Pod, now: float) -> dict[str, Any]:
    """The status of ``pod``, without the conditions that others keep."""
    verdict: Phase = phase(pod.first, pod.main, pod.over)
    stop = pod.stop
    if pod.over and stop is not None and stop.reason is not None:
        verdict = "Failed"
    found = condition_values(
        pod.first,
        pod.main,
        verdict,
        pod.volumes is not None and not pod.over,
        pod.spec.get("readinessGates") or (),
        pod.others(),
    )
    generation = pod.metadata.get("generation")
    status: dict[str, Any] = {
        "phase": verdict,
        "conditions": pod.conditions.write(found, generation, now),
        "hostIP": pod.place.node.ip,
        "hostIPs": [{"ip": pod.place.node.ip}],
        "startTime": pod.start_time,
        "qosClass": pod.quality,
        "containerStatuses": [container_status(part, bool(pod.first)) for part in pod.main],
    }
    if pod.volumes is not None:
        status["podIP"] = pod.place.pod_ip
        status["podIPs"] = [{"ip": pod.place.pod_ip}]
    if pod.first:
        status["initContainerStatuses"] = [container_status(part, True) for part in pod.first]
    if generation is not None:
        status["observedGeneration"] = generation
    if pod.over and stop is not None and stop.reason is not None:
        status["reason"] = stop.reason
        status["message"] = stop.message
    return status
