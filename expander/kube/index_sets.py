"""Sets of completion indexes as the API writes them: ``0,2-5,9``.

pkg/controller/job (indexed_job_utils.go) decides the form: ascending, two neighbours joined by a comma,
three or more by a dash.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable
from itertools import islice

Intervals = list[tuple[int, int]]
"""Ascending intervals, both ends inside, none touching the next."""


def parse(text: str | None, completions: int) -> Intervals:
    """The indexes below ``completions`` that ``text`` names; parts that are no intervals are left out."""
    found: Intervals = []
    for part in text.split(",") if text else ():
        first_text, dash, last_text = part.partition("-")
        try:
            first = int(first_text)
            last = int(last_text) if dash else first
        except ValueError:
            continue
        if first >= completions:
            break
        last = min(last, completions - 1)
        if found and found[-1][1] == first - 1:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found


def text_of(intervals: Intervals) -> str:
    """The API's text of the intervals; empty for none."""
    parts = []
    for first, last in intervals:
        if last == first:
            parts.append(str(first))
        else:
            parts.append(f"{first},{last}" if last == first + 1 else f"{first}-{last}")
    return ",".join(parts)


def total(intervals: Intervals) -> int:
    """How many indexes the intervals hold."""
    return sum(last - first + 1 for first, last in intervals)


def has(intervals: Intervals, index: int) -> bool:
    """Whether ``index`` is among them; logarithmic."""
    place = bisect_right(intervals, index, key=lambda interval: interval[0])
    return place > 0 and intervals[place - 1][1] >= index


def merge(intervals: Intervals, others: Intervals) -> Intervals:
    """All indexes of both."""
    if not others or not intervals:
        return list(intervals or others)
    merged: Intervals = []
    for first, last in sorted([*intervals, *others]):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged


def of(indexes: Iterable[int]) -> Intervals:
    """The intervals of single indexes, in any order, repeated or not."""
    found: Intervals = []
    for index in sorted(indexes):
        if found and index <= found[-1][1] + 1:
            found[-1] = (found[-1][0], index)
        else:
            found.append((index, index))
    return found


def with_indexes(intervals: Intervals, indexes: Iterable[int]) -> Intervals:
    """The intervals and the single indexes together."""
    return merge(intervals, of(indexes))


def first_missing(taken: Intervals, count: int, completions: int, besides: Container[int] = ()) -> list[int]:
    """The ``count`` lowest indexes below ``completions`` that are in neither; fewer if there are fewer."""
    found: list[int] = []
    start = 0
    for first, last in [*taken, (completions, completions)]:
        free = (index for index in range(start, min(first, completions)) if index not in besides)
        found += islice(free, count - len(found))
        if len(found) == count:
            break
        start = max(start, last + 1)
    return found


def overlap(intervals: Intervals, others: Intervals) -> int:
    """How many indexes are in both."""
    count = left = right = 0
    while left < len(intervals) and right < len(others):
        first = max(intervals[left][0], others[right][0])
        last = min(intervals[left][1], others[right][1])
        count += max(0, last - first + 1)
        if intervals[left][1] <= others[right][1]:
            left += 1
        else:
            right += 1
    return count
