"""The five fields of a cron schedule as bit sets of their values, in the grammar of robfig/cron v3.

A field is a list of ranges: ``5``, ``1-5``, ``*`` or ``?``, each possibly followed by ``/STEP``. Unlike
other crons it has no ``7`` for Sunday, no ranges that wrap around, no ``L``, ``W`` or ``#``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

STAR: Final = 1 << 63
"""Marks a field written as ``*`` in its bit set."""
_number = re.compile(r"[+-]?[0-9]+", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values of one field and the names some of them have."""

    low: int
    high: int
    names: tuple[str, ...] = ()

    @property
    def every(self) -> int:
        """The bit set of all values, as ``*`` gives it."""
        return spread(self.low, self.high, 1) | STAR


MINUTE: Final = Bounds(0, 59)
HOUR: Final = Bounds(0, 23)
DAY: Final = Bounds(1, 31)
MONTH: Final = Bounds(1, 12, tuple("jan feb mar apr may jun jul aug sep oct nov dec".split()))
WEEKDAY: Final = Bounds(0, 6, tuple("sun mon tue wed thu fri sat".split()))


def values(field: str, bounds: Bounds) -> int:
    """The bit set of a field: a list of ranges; empty entries of the list stand for nothing."""
    found = 0
    for part in field.split(","):
        if part:
            found |= value_range(part, bounds)
    return found


def value_range(text: str, bounds: Bounds) -> int:
    """The bit set of ``LOW``, ``LOW-HIGH`` or ``*``, each possibly followed by ``/STEP``."""
    reach, *steps = text.split("/")
    low, *highs = reach.split("-")
    star = low in ("*", "?")
    if star:
        start, end = bounds.low, bounds.high
    elif len(highs) > 1:
        raise ValueError(f"too many hyphens: {text}")
    else:
        start = value(low, bounds)
        end = value(highs[0], bounds) if highs else start
    if len(steps) > 1:
        raise ValueError(f"too many slashes: {text}")
    step = number(steps[0]) if steps else 1
    if steps and not highs:
        end = bounds.high
    if start < bounds.low:
        raise ValueError(f"beginning of range ({start}) below minimum ({bounds.low}): {text}")
    if end > bounds.high:
        raise ValueError(f"end of range ({end}) above maximum ({bounds.high}): {text}")
    if start > end:
        raise ValueError(f"beginning of range ({start}) beyond end of range ({end}): {text}")
    if step == 0:
        raise ValueError(f"step of range should be a positive number: {text}")
    return spread(start, end, step) | (STAR if star and step == 1 else 0)


def spread(start: int, end: int, step: int) -> int:
    """The bit set of ``start``, ``start + step`` and so on up to ``end``."""
    return sum(1 << value for value in range(start, end + 1, step))


def value(text: str, bounds: Bounds) -> int:
    """A number or, where the field has names, one of them."""
    name = text.lower()
    return bounds.names.index(name) + bounds.low if name in bounds.names else number(text)


def number(text: str) -> int:
    """A number that is not negative, in Go's grammar of integers."""
    if not _number(text):
        raise ValueError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    found = int(text)
    if not -(2**63) <= found < 2**63:
        raise ValueError(
            f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": value out of range'
        )
    if found < 0:
        raise ValueError(f"negative number ({found}) not allowed: {text}")
    return found
