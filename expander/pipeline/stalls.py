"""Why nothing moves: what keeps the open Jobs of a run from ending, in a line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from expander.kube.objects import statuses_of

Object = Mapping[str, Any]

FULL = "Too many pods"
"""What the scheduler says when as many pods run as may: room comes."""

HARMLESS = ("ContainerCreating", "PodInitializing")
"""Reasons to wait that pass by themselves."""


def why_open(job: Object, pods: Sequence[Object]) -> str | None:
    """What is to say of a Job that has not ended, or None when it is simply at work."""
    reasons: dict[str, int] = {}
    fits = any("nodeName" in pod["spec"] for pod in pods)
    for pod in pods:
        for reason in pod_troubles(pod, fits):
            reasons[reason] = reasons.get(reason, 0) + 1
    if not reasons:
        return None
    told = [f"{count} pods: {reason}" if count > 1 else reason for reason, count in reasons.items()]
    return f"[{job['metadata']['name']}] {'; '.join(told[:3])}"


def pod_troubles(pod: Object, fits: bool) -> Iterator[str]:
    """What keeps a pod from its end, or ended it badly; not that it waits for its turn.

    ``fits``: others of its Job found their place, so that this one will as well.
    """
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            if fits or FULL in condition.get("message", ""):
                continue
            yield f"{condition.get('reason', 'waiting for a place')}: {condition.get('message', '')}".rstrip(
                ": "
            )
    for container in statuses_of(pod):
        state = container.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        if waiting.get("reason") and waiting["reason"] not in HARMLESS:
            yield f"{container['name']}: {waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        elif ended.get("exitCode"):
            message = f": {ended['message']}" if ended.get("message") else ""
            yield f"{container['name']} failed with exit code {ended['exitCode']}{message}"
