"""The phase of a pod, from its containers (getPhase in pkg/kubelet/kubelet_pods.go, mergePodStatus)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from expander.local.kubelet.container import Container, Role, State

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
