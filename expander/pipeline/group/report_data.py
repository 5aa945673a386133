"""What a report says of a group, computed from its records: counts, durations, costs, and each item.

Pure. Costs are what was requested, not what was used: requested cores times the seconds a pod was at work.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from expander.pipeline.group.attempts import Attempt
from expander.pipeline.group.records import FINISHED, STATES, Record
from expander.run.outcomes import COMPLETE, FAILED

GIB: Final = 1 << 30

_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\r(?=\n)")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Cost:
    """Requested core-seconds and GiB-seconds."""

    cpu: float = 0.0
    memory: float = 0.0

    def plus(self, other: Cost) -> Cost:
        """Both together."""
        return Cost(self.cpu + other.cpu, self.memory + other.memory)


@dataclass(slots=True)
class Summary:
    """A group in figures.

    Times are Unix seconds, durations seconds; ``reasons`` counts the items that did not complete by state and
    reason. ``useful`` is what complete items needed, ``lost`` what failed attempts and failed items cost,
    ``open`` what unfinished items cost so far. ``peak`` is how many pods were at work at a time, at most.
    """

    now: float
    records: Sequence[Record]
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)
    begin: float | None = None
    end: float | None = None
    attempts: int = 0
    retried: int = 0
    peak: int = 0
    useful: Cost = Cost()
    lost: Cost = Cost()
    open: Cost = Cost()

    @property
    def total(self) -> int:
        """How many items there are."""
        return len(self.records)

    @property
    def unfinished(self) -> int:
        """How many items have not ended."""
        return sum(count for state, count in self.counts.items() if state not in FINISHED)

    @property
    def wall(self) -> float | None:
        """From the first start to the last end, or until now."""
        if self.begin is None:
            return None
        return max((self.now if self.unfinished else self.end or self.now) - self.begin, 0.0)

    @property
    def cost(self) -> Cost:
        """All of it."""
        return self.useful.plus(self.lost).plus(self.open)

    def percentile(self, part: float) -> float | None:
        """The duration that ``part`` (0 to 1) of the finished items did not exceed."""
        if not self.durations:
            return None
        return self.durations[min(int(part * len(self.durations)), len(self.durations) - 1)]


def summarize(records: Iterable[Record], now: float) -> Summary:
    """The figures of ``records``; ``now`` ends what is still at work."""
    found = Summary(now, list(records))
    edges: list[tuple[float, int]] = []
    for record in found.records:
        found.counts[record.state] += 1
        if record.state != COMPLETE:
            found.reasons[record.state, why(record)] += 1
        if record.seconds is not None:
            found.durations.append(record.seconds)
        found.attempts += len(record.attempts)
        found.retried += max(len(record.attempts) - 1, 0)
        for attempt in record.attempts:
            if attempt.began is not None:
                edges += [(attempt.began, 1), (attempt.ended or now, -1)]
        _add_cost(found, record)
    found.durations.sort()
    found.counts = Counter({state: found.counts[state] for state in STATES if found.counts[state]})
    starts = [one.started for one in found.records if one.started is not None]
    ends = [one.finished for one in found.records if one.finished is not None]
    found.begin, found.end = min(starts, default=None), max(ends, default=None)
    busy = 0
    for _, step in sorted(edges, key=lambda edge: (edge[0], -edge[1])):
        busy += step
        found.peak = max(found.peak, busy)
    return found


def cost_of(attempt: Attempt, now: float) -> Cost:
    """What one pod cost so far."""
    if attempt.began is None:
        return Cost()
    seconds = max((attempt.ended or now) - attempt.began, 0.0)
    return Cost(attempt.cpu * seconds, attempt.memory / GIB * seconds)


def rows_of(summary: Summary) -> dict[str, Any]:
    """The items for the page's script: texts that many items share are numbers into ``texts``."""
    texts: dict[str, int] = {"": 0}
    begin = summary.begin if summary.begin is not None else summary.now
    several = len({record.namespace for record in summary.records}) > 1

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    def after(at: float | None) -> float | None:
        return None if at is None else round(at - begin, 3)

    items = []
    for record in summary.records:
        node = ((record.attempts[-1].pod.get("spec") or {}).get("nodeName") or "") if record.attempts else ""
        cost = Cost()
        spans = []
        for attempt in record.attempts:
            cost = cost.plus(cost_of(attempt, summary.now))
            ended = after(attempt.ended)
            spans.append([after(attempt.began), ended, int(attempt.phase == "Succeeded")])
        item = [
            plain(record.label),
            f"{record.namespace}/{record.job}" if several else record.job,
            STATES.index(record.state),
            number(plain(why(record))),
            number(plain(record.message)),
            record.exit_code,
            after(record.created),
            after(record.started),
            after(record.finished),
            number(node),
            round(cost.cpu, 1),
            round(cost.memory, 1),
            spans,
        ]
        items.append(item)
    return {
        "begin": begin,
        "now": round(summary.now - begin, 3),
        "states": list(STATES),
        "texts": list(texts),
        "items": items,
    }


def why(record: Record) -> str:
    """Reason and cause of a state in a few words."""
    if record.cause and record.reason:
        return f"{record.reason} ({record.cause})"
    return record.reason or record.cause


def plain(text: str) -> str:
    """``text`` without what would colour a terminal; other control characters as a sign for them."""
    return _CONTROL.sub("\ufffd", _ESCAPES.sub("", text))


def _add_cost(found: Summary, record: Record) -> None:
    for attempt in record.attempts:
        cost = cost_of(attempt, found.now)
        if record.state == FAILED or attempt.phase == "Failed":
            found.lost = found.lost.plus(cost)
        elif record.state in FINISHED:
            found.useful = found.useful.plus(cost)
        else:
            found.open = found.open.plus(cost)
