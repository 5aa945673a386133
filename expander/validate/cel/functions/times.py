"""Durations and timestamps (cel-go ``common/types``: duration.go, timestamp.go)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from fractions import Fraction
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.time import parse_duration
from expander.validate.cel.functions.arguments import text
from expander.validate.cel.values import CelError, Duration, Timestamp, no_overload

SECOND: Final = 10**9
_TIMESTAMP: Final = regex(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):(\d\d))", 0
)
_OFFSET: Final = regex(r"([+-]?)(\d\d):(\d\d)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_timestamp(written: str) -> Timestamp:
    """A moment as RFC 3339 has it. Raises CelError."""
    found = _TIMESTAMP.fullmatch(written)
    try:
        if found is None:
            raise ValueError
        whole = datetime(*(int(each) for each in found.groups()[:6]), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        raise CelError(f'parsing time "{written}": invalid RFC 3339 timestamp') from None
    seconds = (whole - _EPOCH) // timedelta(seconds=1)
    if found[8]:
        shift = int(found[9]) * 3600 + int(found[10]) * 60
        seconds += shift if found[8] == "-" else -shift
    return Timestamp(seconds * SECOND + int((found[7] or "")[:9].ljust(9, "0")))


def parse_length(written: Any) -> Duration:
    """``duration(written)``."""
    if type(written) is Duration:
        return Duration(written.nanoseconds)
    try:
        return Duration(parse_duration(text(written)))
    except ValueError as error:
        raise CelError(str(error)) from None


def timestamp_text(value: Timestamp) -> str:
    """As RFC 3339, with as many digits of a second as there are."""
    seconds, rest = divmod(value.nanoseconds, SECOND)
    digits = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{digits}Z"


def duration_text(value: Duration) -> str:
    """Seconds with an ``s``."""
    whole, rest = divmod(abs(value.nanoseconds), SECOND)
    digits = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{'-' if value.nanoseconds < 0 else ''}{whole}{digits}s"


def _zone(name: str) -> tzinfo:
    if found := _OFFSET.fullmatch(name):
        shift = timedelta(hours=int(found[2]), minutes=int(found[3]))
        return timezone(-shift if found[1] == "-" else shift)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise CelError(f"unknown time zone {name}") from None


def _part(select: Callable[[datetime], int], length: int = 0) -> Callable[..., int]:
    """A part of a moment in a time zone; of a duration how many times ``length`` it holds."""

    def get(value: Any, zone: Any = "UTC") -> int:
        if type(value) is Duration and length and zone == "UTC":
            return int(Fraction(value.nanoseconds, length))
        if type(value) is not Timestamp:
            return no_overload()
        moment = _EPOCH + timedelta(microseconds=value.nanoseconds // 1000)
        return select(moment.astimezone(_zone(text(zone))))

    return get


def _milliseconds(value: Any, zone: Any = "UTC") -> int:
    if type(value) is Duration:
        return int(Fraction(value.nanoseconds, 10**6))
    return _part(lambda moment: moment.microsecond // 1000)(value, zone)


_PARTS: Final[dict[str, Callable[..., int]]] = {
    "getDate": _part(lambda moment: moment.day),
    "getDayOfMonth": _part(lambda moment: moment.day - 1),
    "getDayOfWeek": _part(lambda moment: moment.isoweekday() % 7),
    "getDayOfYear": _part(lambda moment: moment.timetuple().tm_yday - 1),
    "getFullYear": _part(lambda moment: moment.year),
    "getHours": _part(lambda moment: moment.hour, 3600 * SECOND),
    "getMilliseconds": _milliseconds,
    "getMinutes": _part(lambda moment: moment.minute, 60 * SECOND),
    "getMonth": _part(lambda moment: moment.month - 1),
    "getSeconds": _part(lambda moment: moment.second, SECOND),
}

FUNCTIONS: Final = {("duration", 1): parse_length}
METHODS: Final = {(name, count): get for name, get in _PARTS.items() for count in (0, 1)}
