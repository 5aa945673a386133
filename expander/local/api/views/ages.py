"""Times of objects as ages in a table: ``47s``, ``3m20s``, ``5h``; as apimachinery's duration package."""

from __future__ import annotations

from typing import Final

from expander.base.api_time import unix

UNKNOWN: Final = "<unknown>"

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


def age(stamp: str | None, now: float) -> str:
    """How long ago ``stamp`` (a time in API form) was at ``now`` (Unix seconds)."""
    return human(now - unix(stamp)) if stamp else UNKNOWN


def human(seconds: float) -> str:
    """A duration in at most two units, the coarser the longer it is.

    What lies up to two seconds in the future counts as now, since clocks differ.
    """
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 2 * _MINUTE:
        return f"{whole}s"
    if whole < 10 * _MINUTE:
        return _two(whole, _MINUTE, "m", 1, "s")
    if whole < 3 * _HOUR:
        return f"{whole // _MINUTE}m"
    if whole < 8 * _HOUR:
        return _two(whole, _HOUR, "h", _MINUTE, "m")
    if whole < 2 * _DAY:
        return f"{whole // _HOUR}h"
    if whole < 8 * _DAY:
        return _two(whole, _DAY, "d", _HOUR, "h")
    if whole < 2 * _YEAR:
        return f"{whole // _DAY}d"
    if whole < 8 * _YEAR:
        return _two(whole, _YEAR, "y", _DAY, "d")
    return f"{whole // _YEAR}y"


def _two(whole: int, large: int, sign: str, small: int, small_sign: str) -> str:
    rest = whole % large // small
    return f"{whole // large}{sign}{rest}{small_sign}" if rest else f"{whole // large}{sign}"
