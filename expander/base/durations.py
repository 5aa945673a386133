"""Durations as Go writes them: ``1h30m``, ``1.5s``, ``300ms``. Go's ``time.ParseDuration`` decides."""

from __future__ import annotations

import re
from fractions import Fraction

UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,  # micro sign
    "\u03bcs": 1_000,  # Greek letter mu
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60 * 1_000_000_000,
    "h": 3600 * 1_000_000_000,
}
LARGEST = 2**63 - 1  # nanoseconds; the most negative duration has one more
_next_part = re.compile(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)").match


def parse_duration(text: str) -> int:
    """The nanoseconds ``text`` stands for, cut to whole ones. Raises ValueError in Go's words."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        part = _next_part(rest, at)
        whole, fraction, unit = part.groups() if part else ("", None, "")
        if not whole and fraction in (None, "."):
            break
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        total += int(Fraction((whole or "0") + (fraction or "")) * UNITS[unit])
        at += len(whole) + len(fraction or "") + len(unit)
    if at < len(rest) or not rest or total > LARGEST + (sign < 0):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total
