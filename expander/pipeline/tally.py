"""How a submission is going: outcomes counted, and how fast they come."""

from __future__ import annotations

import time
from collections.abc import Callable

from expander.cluster.journal import HAS
from expander.cluster.terms import Settled


class Tally:
    """Counts outcomes, and how fast they come."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self.counts: dict[str, int] = {}
        self.failed = 0

    def add(self, settled: Settled) -> None:
        """Count one."""
        outcome = settled.done.outcome
        self.counts[outcome] = self.counts.get(outcome, 0) + 1
        self.failed += not settled.done.passed

    @property
    def delivered(self) -> int:
        """Items that the cluster has."""
        return sum(self.counts.get(outcome, 0) for outcome in HAS)

    @property
    def rate(self) -> float:
        """Items a second since the beginning."""
        return sum(self.counts.values()) / max(self._clock() - self._since, 1e-3)
