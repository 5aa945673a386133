"""How one container is brought to its end: preStop hook, its turn, SIGTERM, SIGKILL.

killContainer in pkg/kubelet/kuberuntime decides: the hook and the wait for the turn come out of the grace
period, but two seconds are always left for the signal to be heard.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from expander.local.kubelet.attempts import Attempt, Processes

AT_LEAST = 2.0
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

    def step(self, processes: Processes, key: str, turn: bool, now: float) -> bool:
        """Do what is due. ``turn``: those that must end before this one have. False when its hook failed."""
        content = True
        if self.hook is not None:
            result = self.hook.look(now)
            if result is None and now < self.by:
                return True
            self.hook.cancel()
            self.hook = None
            content = result is None or bool(result.ok)
        if not self._termed and (turn or now >= self.by):
            self._termed = True
            processes.signal(key, self._number, whole=False)
            self.by = max(self.by, now + AT_LEAST)
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
