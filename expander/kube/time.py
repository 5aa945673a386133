"""Times, durations and ages as the API, Go and kubectl write them.

metav1.Time (RFC 3339 in UTC, whole seconds), ``time.ParseDuration`` and ``Duration.String`` of Go, and the
ages of apimachinery's duration package (``47s``, ``3m20s``, ``5h``).
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from time import gmtime, strftime
from typing import Final

from expander.base.regex import regex


@lru_cache(maxsize=4096)
def unix(text: str) -> float:
    """The Unix time of an API timestamp; ValueError when it is none."""
    return datetime.fromisoformat(text).timestamp()


def api_time(now: float) -> str:
    """The API's form of a Unix time: whole seconds, cut off."""
    return _second(int(now))


def precise_time(now: float) -> str:
    """The same with milliseconds; whole seconds, of which no more is known, stay as they are."""
    seconds, millis = divmod(int(now * 1000 + 1e-3), 1000)
    return f"{_second(seconds)[:-1]}.{millis:03d}Z" if millis else _second(seconds)


def micro_time(now: float) -> str:
    """The API's MicroTime."""
    return micro_time_of(int(now * 1_000_000))


def micro_time_of(now: int) -> str:
    """The API's MicroTime of a time in microseconds."""
    seconds, micros = divmod(now, 1_000_000)
    return f"{_second(seconds)[:-1]}.{micros:06d}Z"


@lru_cache(maxsize=256)
def _second(now: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))


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
MAX_NANOSECONDS = 2**63 - 1  # nanoseconds; the most negative duration has one more
_PART = regex(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)")


def parse_duration(text: str) -> int:
    """The nanoseconds ``text`` stands for, cut to whole ones. Raises ValueError in Go's words."""
    sign, rest = (-1, text[1:]) if text[:1] == "-" else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, at = 0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        whole, fraction, unit = part.groups() if part else ("", None, "")
        if not whole and fraction in (None, "."):
            break
        if not unit:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if unit not in UNITS:
            raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
        from fractions import Fraction  # a start without durations does not load it

        total += int(Fraction((whole or "0") + (fraction or "")) * UNITS[unit])
        at += len(whole) + len(fraction or "") + len(unit)
    if at < len(rest) or not rest or total > MAX_NANOSECONDS + (sign < 0):
        raise ValueError(f'time: invalid duration "{text}"')
    return sign * total


UNKNOWN: Final = "<unknown>"

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY


def elapsed(started: float | None, finished: float | None) -> float | None:
    """Seconds between two times, never negative; None where one is not known."""
    return None if started is None or finished is None else max(finished - started, 0.0)


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


def duration(of: float) -> str:
    """``of`` seconds as Go's Duration prints them: ``10s``, ``1m20s``, ``500ms``."""
    if 0 < of < 1:
        return f"{of * 1000:g}ms"
    minutes, rest = divmod(round(of, 3), 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
