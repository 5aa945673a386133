"""Counts of a group: how many of its Jobs are in which state, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from expander.kube.objects import Object
from expander.pipeline.group.standing import Standing
from expander.run.outcomes import ACTIVE, COMPLETE, FAILED, PENDING, SUSPENDED

STATES = (COMPLETE, FAILED, ACTIVE, PENDING, SUSPENDED)


@dataclass(slots=True)
class Overview:
    """One group; ``name`` is its label's value, empty for Jobs without the label. Times are Unix seconds."""

    name: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))
    retries: int = 0
    started: float | None = None
    finished: float | None = None

    @property
    def jobs(self) -> int:
        """How many Jobs there are."""
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        """How many have not ended."""
        return self.jobs - self.counts[COMPLETE] - self.counts[FAILED]

    def seconds(self, now: float) -> float | None:
        """From the first Job's start to the last one's end, or to ``now``; None before any has begun."""
        if self.started is None:
            return None
        end = now if self.unfinished or self.finished is None else self.finished
        return max(end - self.started, 0.0)

    def add(self, one: Standing) -> None:
        """Count a Job."""
        self.counts[one.state] += 1
        self.retries += one.retries
        outcome = one.outcome
        if outcome.started is not None:
            self.started = min(outcome.started, self.started or outcome.started)
        if outcome.finished is not None:
            self.finished = max(outcome.finished, self.finished or outcome.finished)


def group_of(job: Object, label: str, named: str | None = None) -> str:
    """The group of a Job: its label ``label``, else ``named``."""
    return (job["metadata"].get("labels") or {}).get(label) or named or ""


def overviews(found: Iterable[Standing], label: str, named: str | None = None) -> list[Overview]:
    """The groups of some Jobs by name; ``named`` is that of Jobs without the label."""
    groups: dict[str, Overview] = {}
    for one in found:
        name = group_of(one.job, label, named)
        if name not in groups:
            groups[name] = Overview(name)
        groups[name].add(one)
    return [groups[name] for name in sorted(groups)]
