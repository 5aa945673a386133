"""How long it takes to send a batch."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

USUAL: Final = 300.0
"""Objects a second that are reckoned with without ``--qps``: less than half of the 770 that `submit` reaches
with the local API on two cores, start-up included (benchmarks/submit.py), since a cluster's etcd writes to
several disks. What a cluster takes depends on these and on who else asks."""

ASKED_BEFORE: Final = 1
"""Requests of every submission before the first object: the server's version."""

ASKED_PER_NAMESPACE: Final = 2
"""The quotas and limit ranges of a namespace."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast a submission is to be: ``qps``, ``burst`` and ``max_active`` are its options."""

    qps: float | None = None
    burst: int | None = None
    max_active: int | None = None

    @property
    def per_second(self) -> float:
        """Objects a second on average."""
        return USUAL if self.qps is None else self.qps

    def share(self, jobs: int) -> Fraction:
        """The part of ``jobs`` that is in the cluster unfinished at a time."""
        if self.max_active is None or self.max_active >= jobs:
            return Fraction(1)
        return Fraction(self.max_active, jobs)

    def seconds(self, objects: int) -> float:
        """How long the requests for ``objects`` take when none waits for room."""
        at_once = 0 if self.qps is None else min(objects, self.burst or max(1, round(self.qps)))
        return (objects - at_once) / self.per_second
