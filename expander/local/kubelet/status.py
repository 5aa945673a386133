"""The parts of a pod's status that follow from its containers: phase and conditions.

getPhase (pkg/kubelet/kubelet_pods.go) and pkg/kubelet/status/generate.go decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from expander.kube.time import api_time
from expander.local.kubelet.container import Container, Role, State

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


def phase(init_containers: Sequence[Container], containers: Sequence[Container], over: bool) -> Phase:
    """The phase. ``over``: nothing of the pod runs any more and nothing will be started.

    A pod is in no last phase before it is over, whatever its containers did. The ends of sidecars don't
    count. A regular container that waits to be restarted counts as ended.
    """
    if over:
        failed = any(not container.has_ended or container.exit_code for container in containers)
        return "Failed" if failed or not _initialized(init_containers, containers) else "Succeeded"
    if not _initialized(init_containers, containers) or not containers[0].key:
        return "Pending"
    settled = all(container.state == State.RUNNING or container.has_ended for container in containers)
    return "Running" if settled else "Pending"


def _initialized(init_containers: Sequence[Container], containers: Sequence[Container]) -> bool:
    """Whether the regular containers had their turn."""
    if any(container.key is not None for container in containers):
        return True
    return all(
        container.started
        if container.role == Role.SIDECAR
        else container.has_ended and not container.exit_code
        for container in init_containers
    )


KUBELET_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""In the order they are written."""

ConditionValue = tuple[bool, str | None, str | None]
"""Status, reason, message."""
YES: ConditionValue = (True, None, None)
NO: ConditionValue = (False, None, None)


def condition_values(
    init_containers: Sequence[Container],
    containers: Sequence[Container],
    phase: Phase,
    sandboxed: bool,
    gates: Sequence[Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> tuple[ConditionValue, ...]:
    """One verdict per condition of `KUBELET_CONDITIONS`.

    ``sandboxed``: the pod's folder and address are there and its containers not over. ``gates`` are the
    pod's readinessGates, ``others`` the conditions, by type, that someone else keeps.
    """
    ready = containers_ready(init_containers, containers, phase)
    return (
        YES if sandboxed else NO,
        initialized(init_containers, containers, phase),
        with_readiness_gates(gates, others) if ready[0] and gates else ready,
        ready,
        YES,
    )


def containers_ready(
    init_containers: Sequence[Container], containers: Sequence[Container], phase: Phase
) -> ConditionValue:
    """The verdict on ContainersReady: regular containers and sidecars count."""
    if phase == "Succeeded":
        return (False, "PodCompleted", None)
    if phase == "Failed":
        return (False, "PodFailed", None)
    unready = [
        container.name
        for container in init_containers
        if container.role == Role.SIDECAR and not container.ready
    ]
    unready += [container.name for container in containers if not container.ready]
    if unready:
        return (False, "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    return YES


def initialized(
    init_containers: Sequence[Container], containers: Sequence[Container], phase: Phase
) -> ConditionValue:
    """The verdict on Initialized: once a regular container has started it stays."""
    if phase == "Succeeded":
        return (True, "PodCompleted", None)
    if not init_containers or any(container.key is not None for container in containers):
        return YES
    incomplete = [
        container.name
        for container in init_containers
        if not (container.started if container.role == Role.SIDECAR else container.ready)
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


class Conditions:
    """The kubelet's conditions of a pod: each keeps the time of its last change."""

    __slots__ = ("_since",)

    def __init__(self, before: Mapping[str, Mapping[str, Any]]) -> None:
        self._since = {
            kind: (before[kind]["status"], before[kind].get("lastTransitionTime"))
            for kind in (KUBELET_CONDITIONS if before else ())
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
