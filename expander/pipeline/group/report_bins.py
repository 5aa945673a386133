"""Durations in bins, for a histogram: even ones, or by powers when a few took very much longer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

BINS: Final = 28
"""So many bins are aimed at."""

SKEWED: Final = 30.0
"""When the longest took so many times the median, bins grow by powers."""

_STEPS: Final = (1, 2, 5, 10)


class Bin(NamedTuple):
    """Durations from ``low`` up to below ``high``, in seconds: how many were complete, and how many not."""

    low: float
    high: float
    complete: int
    failed: int


def bins_of(complete: Sequence[float], failed: Sequence[float]) -> list[Bin]:
    """The bins of two kinds of durations; none when there are no durations."""
    values = sorted([*complete, *failed])
    if not values:
        return []
    longest, median = values[-1], values[len(values) // 2]
    if longest > SKEWED * max(median, 1.0) and len(values) > 4:
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
    """Edges a round number of seconds apart."""
    width = max((longest - shortest) / BINS, 0.001)
    power = 10.0 ** math.floor(math.log10(width))
    width = max(next(step * power for step in _STEPS if step * power >= width * 0.999), 1.0)
    first = math.floor(shortest / width)
    count = int(longest // width) - first + 1
    return [(first + number) * width for number in range(count + 1)]


def _powers(longest: float) -> list[float]:
    """Edges 0, 1, 2, 4 ... seconds; finer when there would be few."""
    factor = 2.0 if longest > 4096 else math.sqrt(2)
    edges = [0.0, 1.0]
    while edges[-1] <= longest:
        edges.append(edges[-1] * factor)
    return edges
