"""How long a container waits before it is started again, or its image pulled again: doBackOff in
pkg/kubelet/kuberuntime.

At once the first time; from then on the delay counted from the last end, which doubles with each restart up
to thirty times the base.
"""

from __future__ import annotations

MAX_BACKOFF_FACTOR = 30
"""Times the base delay: 10 s gives 300 s."""
BACKOFF_RESET_FACTOR = 2
"""A container that was not restarted for this many longest delays starts anew at the base."""


class Backoff:
    """The crash back-off of one container."""

    __slots__ = ("base", "delay", "last")

    def __init__(self, base: float) -> None:
        self.base = base
        self.delay = 0.0
        self.last = 0.0

    def ready_at(self, ended: float, now: float) -> float:
        """The time from which a container that ended at ``ended`` may start."""
        if not self.delay or self._forgiven(now):
            return ended
        return ended + self.delay

    def restarted(self, now: float) -> None:
        """Note a restart: the next one waits twice as long."""
        longest = self.base * MAX_BACKOFF_FACTOR
        self.delay = self.base if not self.delay or self._forgiven(now) else min(self.delay * 2, longest)
        self.last = now

    def _forgiven(self, now: float) -> bool:
        return now - self.last > self.base * MAX_BACKOFF_FACTOR * BACKOFF_RESET_FACTOR
