"""How one container is brought to its end, and how it ended, in the API's form.

killContainer in pkg/kubelet/kuberuntime decides the order: preStop hook, the container's turn, SIGTERM,
SIGKILL; the hook and the wait for the turn come out of the grace period, but two seconds are always left for
the signal to be heard. kuberuntime_container.go decides the message: the last 4,096 bytes of a file, or,
where the container asks for it, failed and left none, the last 80 lines of its log, at most 2,048 bytes.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from expander.kube.time import api_time
from expander.local.kubelet.pod_files import last_bytes, last_lines
from expander.local.kubelet.probes import Attempt, Processes
from expander.local.logs import last_output
from expander.local.runtime.runtime import Exit

MIN_GRACE_SECONDS = 2.0
"""Seconds between SIGTERM and SIGKILL, whatever was left of the grace period."""


class Kill:
    """The end of one running container, begun at ``now`` with ``grace`` seconds; 0 kills at once."""

    __slots__ = ("_killed", "_number", "_termed", "by", "hook")

    def __init__(self, spec: Mapping[str, Any], grace: float, now: float, hook: Attempt | None) -> None:
        self.by = now + grace
        self.hook = hook if grace > 0 else None
        self._termed = grace <= 0
        self._killed = False
        self._number = stop_signal(spec)

    def shorten(self, grace: float, now: float) -> None:
        """Be done within ``grace`` seconds, if that is sooner; 0 kills at once."""
        self.by = min(self.by, now + grace)
        self._termed = self._termed or grace <= 0

    def step(self, processes: Processes, key: str, may_signal: bool, now: float) -> bool:
        """Do what is due. ``may_signal``: those that must end before it have. False when its hook failed."""
        content = True
        if self.hook is not None:
            result = self.hook.poll(now)
            if result is None and now < self.by:
                return True
            self.hook.cancel()
            self.hook = None
            content = result is None or bool(result.ok)
        if not self._termed and (may_signal or now >= self.by):
            self._termed = True
            processes.signal(key, self._number, whole=False)
            self.by = max(self.by, now + MIN_GRACE_SECONDS)
        if self._termed and not self._killed and now >= self.by:
            self._killed = True
            processes.signal(key, signal.SIGKILL)
        return content

    def due(self) -> float:
        """When `step` has something to do, apart from the turn."""
        if self._killed:
            return float("inf")
        return min(self.by, self.hook.due) if self.hook is not None else self.by


def stop_signal(spec: Mapping[str, Any]) -> int:
    """The signal that asks a container to end: SIGTERM, or what its lifecycle says."""
    name = (spec.get("lifecycle") or {}).get("stopSignal") or "SIGTERM"
    if name.startswith("SIGRTMIN+"):
        return signal.SIGRTMIN + int(name.removeprefix("SIGRTMIN+"))
    if name.startswith("SIGRTMAX-"):
        return signal.SIGRTMAX - int(name.removeprefix("SIGRTMAX-"))
    return int(getattr(signal, name, signal.SIGTERM))


CONTAINER_ID_SCHEME = "expander://"
"""Containers have ids of this scheme, as those of a container engine have ids of its own."""


def container_id(key: str) -> str:
    """The id of the container that was launched as ``key``."""
    return CONTAINER_ID_SCHEME + key.replace("/", ".")


MAX_MESSAGE_BYTES = 4096
MAX_POD_MESSAGE_BYTES = 12 * 1024
"""All messages of a pod together: each container may have its even share."""
MAX_LOG_MESSAGE_BYTES = 2048
LOST_EXIT_CODE = 137
"""The exit code of a container of whose end nothing is known (TerminatePod in pkg/kubelet/status)."""
UNKNOWN = "The container could not be located when the pod was terminated"


def terminated(exit_: Exit, message: str, stamp: Callable[[float], str] = api_time) -> dict[str, Any]:
    """The ``terminated`` state of a container; ``stamp`` writes its times."""
    found: dict[str, Any] = {
        "exitCode": LOST_EXIT_CODE if exit_.lost else exit_.exit_code,
        "reason": "ContainerStatusUnknown" if exit_.lost else exit_.reason,
        "startedAt": stamp(exit_.started),
        "finishedAt": stamp(exit_.finished),
        "containerID": container_id(exit_.key),
    }
    error = UNKNOWN if exit_.lost else exit_.error
    text = ": ".join(filter(None, (error, message)))
    if text:
        found["message"] = text
    return found


def termination_message(
    spec: Mapping[str, Any], exit_: Exit, file: str | None, log: str, containers: int
) -> str:
    """The termination message of a container of a pod with that many. ``file``: where it was to write it."""
    data = last_bytes(file, MAX_MESSAGE_BYTES) if file else b""
    falls_back = spec.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if not data and falls_back and exit_.exit_code and exit_.error is None:
        data = last_lines(last_output(log, MAX_LOG_MESSAGE_BYTES))
    share = min(MAX_MESSAGE_BYTES, MAX_POD_MESSAGE_BYTES // containers)
    return data[:share].decode(errors="replace")
