"""The conditions of a pod that its kubelet keeps (pkg/kubelet/status/generate.go)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from expander.local.kubelet.container import Container, Role
from expander.local.kubelet.phase import Phase

OURS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
"""In the order they are written."""

Verdict = tuple[bool, str | None, str | None]
"""Status, reason, message."""
YES: Verdict = (True, None, None)
NO: Verdict = (False, None, None)


def verdicts(
    first: Sequence[Container],
    main: Sequence[Container],
    phase: Phase,
    sandboxed: bool,
    gates: Sequence[Mapping[str, Any]],
    others: Mapping[str, Mapping[str, Any]],
) -> tuple[Verdict, ...]:
    """One verdict per condition of `OURS`.

    ``sandboxed``: the pod's folder and address are there and its containers not over. ``gates`` are the
    pod's readinessGates, ``others`` the conditions, by type, that someone else keeps.
    """
    ready = containers_ready(first, main, phase)
    return (
        YES if sandboxed else NO,
        initialized(first, main, phase),
        with_gates(gates, others) if ready[0] and gates else ready,
        ready,
        YES,
    )


def containers_ready(first: Sequence[Container], main: Sequence[Container], phase: Phase) -> Verdict:
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


def initialized(first: Sequence[Container], main: Sequence[Container], phase: Phase) -> Verdict:
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


def with_gates(gates: Sequence[Mapping[str, Any]], others: Mapping[str, Mapping[str, Any]]) -> Verdict:
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
