"""The figures of a report: counts, durations, costs. Pure.

Cost is what was requested, not what was used: requested cores times the seconds a pod ran.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import field
from time import gmtime, strftime
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.group.attempts import Attempt, memory_of
from expander.group.records import FINISHED, STATES, ItemRecord
from expander.items.keys import item_text
from expander.kube.workloads import COMPLETE, FAILED

MAX_BINS: Final = 28
"""How many bins a histogram has, roughly."""

SKEW_FACTOR: Final = 30.0
"""If the longest duration is so many times the median, bins grow by powers."""

_STEPS: Final = (1, 2, 5, 10)

SHORTEST_SECONDS: Final = 0.0005
"""What a pod is taken to have run at least: a cluster's whole seconds may say that it did not run at all."""


_UNITS = ((60, "m", 1, "s"), (3600, "h", 60, "m"), (86400, "d", 3600, "h"))

GIB: Final = 1 << 30

_ESCAPES: Final = regex(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\r(?=\n)")

_CONTROL: Final = regex(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Those of a terminal, and those that turn the direction of text."""


class Bin(NamedTuple):
    """Counts of durations from ``low`` up to below ``high`` seconds."""

    low: float
    high: float
    complete: int
    failed: int


def histogram_bins(complete: Sequence[float], failed: Sequence[float]) -> list[Bin]:
    """The histogram bins of these durations; empty without durations."""
    values = sorted([*complete, *failed])
    if not values:
        return []
    longest, median = values[-1], values[len(values) // 2]
    if longest > SKEW_FACTOR * max(median, 1.0) and len(values) > 4:
        edges = _powers(longest)
    else:
        edges = _even(values[0], longest)
    counts = [[0, 0] for _ in edges[1:]]
    for kind, durations in enumerate((complete, failed)):
        for value in durations:
            place = next((i for i, high in enumerate(edges[1:]) if value < high), len(counts) - 1)
            counts[place][kind] += 1
    return [
        Bin(low, high, good, bad)
        for low, high, (good, bad) in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _even(shortest: float, longest: float) -> list[float]:
    """Edges a round number of seconds or milliseconds apart."""
    whole = shortest == int(shortest) and longest == int(longest)  # a cluster tells no more
    width = max((longest - shortest) / MAX_BINS, 1.0 if whole else 0.001)
    power = 10.0 ** math.floor(math.log10(width))
    width = next(step * power for step in _STEPS if step * power >= width * 0.999)
    first = math.floor(shortest / width)
    count = int(longest // width) - first + 1
    return [round((first + number) * width, 3) for number in range(count + 1)]


def _powers(longest: float) -> list[float]:
    """Edges 0, 1, 2, 4 ... seconds; finer when there would be few."""
    factor = 2.0 if longest > 4096 else math.sqrt(2)
    edges = [0.0, 1.0]
    while edges[-1] <= longest:
        edges.append(edges[-1] * factor)
    return edges


def format_duration(seconds: float | None) -> str:
    """A duration for people: ``50 ms``, ``3.2 s``, ``4 m 10 s``, ``2 h 5 m``; empty for None."""
    if seconds is None:
        return ""
    if 0 < seconds < 0.9995:
        return f"{max(round(seconds * 1000), 1)} ms"
    whole = round(seconds)
    if seconds < 10 and seconds != whole:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    size, unit, smaller, name = next(
        each for each in _UNITS if whole < each[0] * (24 if each[1] == "h" else 60) or each[1] == "d"
    )
    rest = whole % size // smaller
    return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")


def format_elapsed(seconds: float | None, began: float | None = None) -> str:
    """How long something took that ``began`` then. The times of a cluster are whole seconds, those of this
    machine have a fraction: 0 means less than one second or millisecond.
    """
    if seconds != 0:
        return format_duration(seconds)
    return "< 1 ms" if (began or 0) % 1 else "< 1 s"


def format_number(value: float) -> str:
    """A number with three significant digits, whole from 100 on: ``0.042``, ``1.53``, ``12,345``."""
    if 0 < value < 0.001:
        return "< 0.001"
    if value >= 99.95 or value == int(value):
        return f"{round(value):,}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def format_percent(part: float, whole: float) -> str:
    """A share in percent; more than nothing never reads 0%, and less than all never 100%."""
    if not whole or not part:
        return "0%"
    share = 100 * part / whole
    if share < 0.1:
        return "< 0.1%"
    if 99.9 < share < 100:
        return "99.9%"
    exact = 10 <= share <= 90 or share == int(share)
    return f"{share:.0f}%" if exact else f"{share:.1f}%"


def format_time(seconds: float) -> str:
    """A time in UTC, to the second."""
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(seconds))


def count_noun(count: int, one: str) -> str:
    """``1 item``, ``12 items``."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"


@dataclass(frozen=True, slots=True)
class Cost:
    """Requested core-seconds and GiB-seconds."""

    cpu: float = 0.0
    memory: float = 0.0

    def plus(self, other: Cost) -> Cost:
        """The sum of both."""
        return Cost(self.cpu + other.cpu, self.memory + other.memory)


@dataclass(slots=True)
class GroupReport:
    """A group in figures.

    Times are Unix seconds, durations seconds; ``reasons`` counts the items that are not complete by state and
    reason. ``useful`` is the cost of complete items, ``lost`` that of failed attempts and failed items,
    ``open`` that of unfinished items so far. ``peak`` is the highest number of pods running at once, and
    ``sure_peak`` what is sure of it: by a cluster's whole seconds, pods that began and ended in one second
    may have followed each other. ``attempts`` are the pods that have begun, with the
    ``earlier`` ones, by Jobs that were replaced; their times and costs are unknown. ``requested`` is whether
    a pod that has begun requests CPU or memory.
    """

    now: float
    records: Sequence[ItemRecord]
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    durations: list[float] = field(default_factory=list)
    begin: float | None = None
    end: float | None = None
    attempts: int = 0
    retried: int = 0
    earlier: int = 0
    requested: bool = False
    peak: int = 0
    sure_peak: int = 0
    useful: Cost = Cost()
    lost: Cost = Cost()
    open: Cost = Cost()

    @property
    def total(self) -> int:
        """The number of items."""
        return sum(self.counts.values())

    @property
    def unfinished(self) -> int:
        """How many items have not ended."""
        return sum(count for state, count in self.counts.items() if state not in FINISHED)

    @property
    def wall(self) -> float | None:
        """Seconds from the first start to the last end, or until now."""
        if self.begin is None:
            return None
        return max((self.now if self.unfinished else self.end or self.now) - self.begin, 0.0)

    @property
    def cost(self) -> Cost:
        """The total cost."""
        return self.useful.plus(self.lost).plus(self.open)

    def percentile(self, part: float) -> float | None:
        """The duration that ``part`` (0 to 1) of the finished items did not exceed."""
        if not self.durations:
            return None
        return self.durations[min(int(part * len(self.durations)), len(self.durations) - 1)]


def summarize(records: Iterable[ItemRecord], now: float) -> GroupReport:
    """The figures of ``records``; ``now`` is the end of what still runs."""
    found = GroupReport(now, list(records))
    edges: list[tuple[float, int, int]] = []
    for record in found.records:
        found.counts[record.state] += record.item_count - record.complete_items
        found.counts[COMPLETE] += record.complete_items
        if record.state != COMPLETE:
            count = record.item_count - record.complete_items
            found.reasons[record.state, failure_reason(record)] += count
        if record.seconds is not None:
            found.durations.append(record.seconds)
        begun = record.earlier + sum(not attempt.waits for attempt in record.attempts)
        found.attempts += begun
        found.earlier += record.earlier
        found.retried += max(begun - 1, 0)
        for attempt in record.attempts:
            if attempt.started is not None:
                end = attempt.finished or now
                brief = int(end <= attempt.started)
                last = max(end, attempt.started + SHORTEST_SECONDS)
                edges += [(attempt.started, 1, brief), (last, -1, -brief)]
        _add_cost(found, record)
    found.durations.sort()
    found.counts = Counter({state: found.counts[state] for state in STATES if found.counts[state]})
    starts = [one.started for one in found.records if one.started is not None]
    starts += [at for one in found.records for each in one.attempts if (at := each.started) is not None]
    ends = [one.finished for one in found.records if one.finished is not None]
    found.begin, found.end = min(starts, default=None), max(ends, default=None)
    busy = brief = 0
    for _, step, brief_step in sorted(edges):  # what ends at a time makes room for what begins
        busy += step
        brief += brief_step
        found.peak = max(found.peak, busy)
        found.sure_peak = max(found.sure_peak, busy - brief, 1)
    return found


def attempt_cost(attempt: Attempt, now: float) -> Cost:
    """What one pod cost so far."""
    if attempt.started is None:
        return Cost()
    seconds = max((attempt.finished or now) - attempt.started, 0.0)
    request = attempt.request
    return Cost(request.cpu / 1000 * seconds, request.memory / GIB * seconds)


class ItemEncoder:
    """Makes items what the page's script reads; texts that may be shared are numbers into ``texts``.

    Times are seconds after ``begin``. ``columns`` are the names of the items' columns, ``several`` says
    whether there are several namespaces.
    """

    def __init__(self, records: Iterable[ItemRecord], begin: float) -> None:
        found = list(records)
        self.begin = begin
        self.columns = list(dict.fromkeys(name for record in found for name in record.columns))
        self.several = len({record.namespace for record in found}) > 1
        self._texts: dict[str, int] = {"": 0}

    @property
    def texts(self) -> list[str]:
        """The shared texts; more follow as items are encoded."""
        return list(self._texts)

    @property
    def text_count(self) -> int:
        """How many shared texts there are."""
        return len(self._texts)

    def _number(self, text: str) -> int:
        return self._texts.setdefault(text, len(self._texts))

    def _after(self, at: float | None) -> float | None:
        return None if at is None else round(at - self.begin, 3)

    def item(self, record: ItemRecord, now: float) -> list[Any]:
        """The item as the script has it: a list in the order of the script's names."""
        number, after, own = self._number, self._after, record.columns
        node = ((record.attempts[-1].pod.get("spec") or {}).get("nodeName") or "") if record.attempts else ""
        cost = Cost()
        spans = []
        for attempt in record.attempts:
            cost = cost.plus(attempt_cost(attempt, now))
            memory = number(memory_of(attempt.pod) or "")
            spans.append(
                [
                    after(attempt.started),
                    after(attempt.finished),
                    int(attempt.phase == "Succeeded"),
                    number(plain_text(attempt_end(attempt))),
                    memory,
                ]
            )
        return [
            plain_text(record.label),
            f"{record.namespace}/{record.job}" if self.several else record.job,
            STATES.index(record.state),
            number(plain_text(failure_reason(record))),
            number(plain_text(record.message)),
            record.exit_code,
            after(record.created),
            after(record.started),
            after(record.finished),
            number(node),
            round(cost.cpu, 1),
            round(cost.memory, 1),
            spans,
            [plain_text(item_text(own[name])) if name in own else "" for name in self.columns],
        ]

    def data(self, items: Sequence[list[Any]], now: float) -> dict[str, Any]:
        """All that the script needs to show ``items``."""
        return {
            "begin": self.begin,
            "now": self._after(now),
            "states": list(STATES),
            "texts": self.texts,
            "columns": [plain_text(name) for name in self.columns],
            "items": items,
        }


def script_data(summary: GroupReport) -> dict[str, Any]:
    """The items for the page's script."""
    begin = summary.begin if summary.begin is not None else summary.now
    encoder = ItemEncoder(summary.records, begin)
    return encoder.data([encoder.item(each, summary.now) for each in summary.records], summary.now)


def attempt_end(attempt: Attempt) -> str:
    """Why an attempt failed, in a few words: ``OOMKilled``, ``exit code 3``; empty where it did not."""
    if attempt.phase == "Succeeded" or (not attempt.exit_code and not attempt.reason):
        return ""
    code = f"exit code {attempt.exit_code}" if attempt.exit_code else ""
    return code if attempt.reason in ("", "Error") else attempt.reason


def failure_reason(record: ItemRecord) -> str:
    """Reason and cause of a state in a few words."""
    if record.cause and record.reason:
        return f"{record.reason} ({record.cause})"
    return record.reason or record.cause


def plain_text(text: str) -> str:
    """``text`` without terminal escape sequences; other control characters become U+FFFD."""
    return text if text.isprintable() else _CONTROL.sub("\ufffd", _ESCAPES.sub("", text))


def _add_cost(found: GroupReport, record: ItemRecord) -> None:
    for attempt in record.attempts:
        cost = attempt_cost(attempt, found.now)
        found.requested |= attempt.started is not None and any(attempt.request)
        if record.state == FAILED or attempt.phase == "Failed":
            found.lost = found.lost.plus(cost)
        elif record.state in FINISHED:
            found.useful = found.useful.plus(cost)
        else:
            found.open = found.open.plus(cost)
