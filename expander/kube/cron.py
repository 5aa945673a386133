"""Cron schedules as Kubernetes reads them, and the times they stand for. Nothing here reads the clock.

Grammar, error texts and behavior at clock changes are those of ``ParseStandard`` and ``SpecSchedule`` of
robfig/cron v3, which the CronJob controller uses: five fields (minute, hour, day of month, month, day of
week) or a descriptor (``@daily``, ``@every 1h30m``). A field is a list of ranges: ``5``, ``1-5``, ``*`` or
``?``, each possibly followed by ``/STEP``; there is no ``7`` for Sunday, no range that wraps around, no
``L``, ``W`` or ``#``. A day matches when either day field does, unless one of them is ``*``. A time that a
clock change skips is skipped, one that it repeats comes twice: midnights are found by calendar arithmetic,
hours and minutes by adding seconds, as Go's ``time`` package does.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from expander.base.dataclass import dataclass
from expander.base.regex import regex
from expander.kube.time import parse_duration

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


class ClockWalk:
    """A moment that moves forward: ``unix`` (seconds, at a full minute) and ``local``, the wall clock then.

    Each ``to_`` method moves on until its field fits and answers True; it answers False as soon as the
    next larger field has changed, as that one must be looked at again. The first move of a walk goes to the
    start of the field's unit.
    """

    __slots__ = ("_floored", "_zone", "local", "unix")

    def __init__(self, unix: int, zone: ZoneInfo) -> None:
        self._zone = zone
        self._floored = False
        self._move(unix)

    def to_month(self, months: int) -> bool:
        """Move to a month whose bit is set."""
        while not months >> self.local.month & 1:
            now = self.local
            if not self._floored:
                self._floor(now.replace(day=1, hour=0, minute=0))
                now = self.local
            year, month = (now.year + 1, 1) if now.month == 12 else (now.year, now.month + 1)
            self._move(self._instant(datetime(year, month, now.day, now.hour, now.minute, tzinfo=UTC)))
            if self.local.month == 1:
                return False
        return True

    def to_day(self, matches: Callable[[], bool]) -> bool:
        """Move to a day that ``matches``; a midnight that a clock change skips becomes the first hour."""
        while not matches():
            if not self._floored:
                self._floor(self.local.replace(hour=0, minute=0))
            naive = self.local.replace(tzinfo=UTC)
            self._move(self._instant(datetime.fromtimestamp(naive.timestamp() + 86400, UTC)))
            if hour := self.local.hour:
                self._move(self.unix + 3600 * (24 - hour if hour > 12 else -hour))
            if self.local.day == 1:
                return False
        return True

    def to_hour(self, hours: int) -> bool:
        """Move to an hour whose bit is set."""
        while not hours >> self.local.hour & 1:
            if not self._floored:
                self._floor(self.local.replace(minute=0))
            self._move(self.unix + 3600)
            if self.local.hour == 0:
                return False
        return True

    def to_minute(self, minutes: int) -> bool:
        """Move to a minute whose bit is set."""
        while not minutes >> self.local.minute & 1:
            self._floored = True
            self._move(self.unix + 60)
            if self.local.minute == 0:
                return False
        return True

    def _floor(self, local: datetime) -> None:
        self._floored = True
        self._move(self._instant(local.replace(tzinfo=UTC, fold=0)))

    def _move(self, unix: int) -> None:
        self.unix = unix
        self.local = datetime.fromtimestamp(unix, self._zone)

    def _instant(self, wall: datetime) -> int:
        """The Unix time at which the wall clock shows ``wall``, chosen as Go's ``time.Date`` does.

        Go takes the offset in force at the same reading of UTC, and then the one in force at the
        moment that gives.
        """
        naive = int(wall.timestamp())
        return naive - self._offset(naive - self._offset(naive))

    def _offset(self, unix: int) -> int:
        offset = datetime.fromtimestamp(unix, self._zone).utcoffset()
        return int(offset.total_seconds()) if offset else 0


STAR: Final = 1 << 63
"""Marks a field written as ``*`` in its bit set."""
_number = regex(r"[+-]?[0-9]+", re.ASCII).fullmatch


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


SECOND: Final = 1_000_000_000  # nanoseconds
YEARS_AHEAD: Final = 5  # a schedule with no time in so many years has none

DESCRIPTORS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_fields = regex("[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+").findall


@dataclass(frozen=True, slots=True)
class Calendar:
    """Times by minute, hour and day: bit sets of the values of each field.

    ``zone`` is the one the schedule itself names (``TZ=``), which the API server accepts in old objects
    only; None means the CronJob's own.
    """

    minutes: int
    hours: int
    days: int
    months: int
    weekdays: int
    zone: ZoneInfo | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """Times that are ``seconds`` apart, counted from the last one."""

    seconds: int


Schedule: TypeAlias = Calendar | Interval


@lru_cache(maxsize=1024)
def parse(text: str) -> Schedule:
    """The schedule that ``text`` writes. Raises ValueError, with the server's words, when it writes none."""
    if not text:
        raise ValueError("empty spec string")
    zone = None
    if text.startswith(("TZ=", "CRON_TZ=")):
        name, _, rest = text.partition("=")[2].partition(" ")
        zone, text = named_zone(name), rest.strip()
    if text.startswith("@every "):
        return every(text)
    if text.startswith("@") and text not in DESCRIPTORS:
        raise ValueError(f"unrecognized descriptor: {text}")
    fields = _fields(DESCRIPTORS.get(text, text))
    if len(fields) != 5:
        raise ValueError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = map(values, fields, (MINUTE, HOUR, DAY, MONTH, WEEKDAY))
    return Calendar(minutes, hours, days, months, weekdays, zone)


def next_times(schedule: Schedule | str, zone: str | ZoneInfo, after: float, count: int) -> list[int]:
    """The first ``count`` times of ``schedule`` later than ``after``, fewer when there are no more.

    Times are Unix seconds. ``zone`` is the CronJob's time zone, or that of the controller when it has none.
    Raises ValueError for a schedule or a zone that does not exist.
    """
    schedule = parse(schedule) if isinstance(schedule, str) else schedule
    if isinstance(schedule, Interval):
        return [int(after // 1) + schedule.seconds * number for number in range(1, count + 1)]
    zone = schedule.zone or (named_zone(zone) if isinstance(zone, str) else zone)
    found: list[int] = []
    time: int | None = int(after // 1)
    while len(found) < count and time is not None:
        time = next_time(schedule, zone, time)
        if time is not None:
            found.append(time)
    return found


def next_time(calendar: Calendar, zone: ZoneInfo, after: int) -> int | None:
    """The first time of ``calendar`` in ``zone`` later than ``after`` (Unix seconds), or None."""
    walk = ClockWalk(after + 60 - after % 60, zone)
    last_year = walk.local.year + YEARS_AHEAD
    while walk.local.year <= last_year:
        if not (
            walk.to_month(calendar.months)
            and walk.to_day(lambda: day_matches(calendar, walk))
            and walk.to_hour(calendar.hours)
            and walk.to_minute(calendar.minutes)
        ):
            continue
        return walk.unix
    return None


def day_matches(calendar: Calendar, walk: ClockWalk) -> bool:
    """Both day fields must match where one of them is ``*``; otherwise one is enough."""
    day = bool(calendar.days >> walk.local.day & 1)
    weekday = bool(calendar.weekdays >> walk.local.isoweekday() % 7 & 1)
    return day and weekday if (calendar.days | calendar.weekdays) & STAR else day or weekday


def named_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError when there is none."""
    from zoneinfo import ZoneInfo

    if not name:
        return ZoneInfo("UTC")
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"provided bad location {name}: unknown time zone {name}") from error


def every(text: str) -> Interval:
    """``@every DURATION``: whole seconds, at least one."""
    try:
        duration = parse_duration(text.removeprefix("@every "))
    except ValueError as error:
        raise ValueError(f"failed to parse duration {text}: {error}") from error
    return Interval(max(duration, SECOND) // SECOND)
