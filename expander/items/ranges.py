"""Items that are counted: numeric ranges and chunks of rows."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from itertools import count, repeat

from expander.base.errors import UsageError
from expander.items.item import Item, Scalar, Value
from expander.items.source import BARE, Source

_RANGE = re.compile(r"(-?[0-9]{1,30})-(-?[0-9]{1,30})(?::(-?[0-9]{1,30}))?")
_ROWS = re.compile(r"rows\s+([0-9]{1,30})\s*\.\.\s*([0-9]{1,30})\s+by\s+([0-9]{1,30})\s*")


def range_source(text: str) -> Source | None:
    """The source of ``START-STOP[:STEP]``, both ends included; None if ``text`` is not of this form.

    Counts down when STOP is below START. Items are integers; if an end is written with a leading
    zero they are strings, all padded to the longer end (``08-12``: 08, 09, 10 ...). A minus sign
    belongs to the number it is written before (``-5--1``). Raises UsageError for a step below 1.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    step = int(match[3] or 1)
    if step < 1:
        raise UsageError(
            f"the step of the range {text!r} is {step}, expected 1 or more",
            hint="the order of the two ends gives the direction",
        )
    width = _width(match[1].removeprefix("-"), match[2].removeprefix("-"))
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)

    def read() -> Generator[Item, None, None]:
        values: Iterable[Scalar] = numbers
        if width:
            values = (f"{'-' * (number < 0)}{abs(number):0{width}d}" for number in numbers)
        yield from map(Item, values, count(1), repeat(text))

    return Source(text, read, uniform=True, count=abs(last - first) // step + 1)


def _width(*ends: str) -> int:
    padded = any(end.startswith("0") and len(end) > 1 for end in ends)
    return max(map(len, ends)) if padded else 0


def rows_source(text: str) -> Source | None:
    """The source of ``rows FIRST..LAST by SIZE``; None if ``text`` does not start with ``rows``.

    One item per chunk of at most SIZE rows: ``start`` and ``end`` (both included), ``count``, and
    ``item`` (``1-1000``). Raises UsageError for a malformed chunking, LAST below FIRST, SIZE below 1.
    """
    if not re.match(r"rows\s", text):
        return None
    match = _ROWS.fullmatch(text)
    if match is None:
        raise UsageError(
            f"found {text!r}, expected rows FIRST..LAST by SIZE", hint="for example: rows 1..1000000 by 1000"
        )
    first, last, size = int(match[1]), int(match[2]), int(match[3])
    if last < first or size < 1:
        wrong = "the last row is before the first" if last < first else "a chunk needs at least 1 row"
        raise UsageError(f"{text!r}: {wrong}")

    def read() -> Generator[Item, None, None]:
        for number, start in enumerate(range(first, last + 1, size), 1):
            end = min(start + size - 1, last)
            columns: dict[str, Value] = {"start": start, "end": end, "count": end - start + 1}
            columns[BARE] = f"{start}-{end}"
            yield Item(columns, number, text)

    return Source(text, read, uniform=True, count=(last - first) // size + 1)
