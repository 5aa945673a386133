"""Cron schedules as Kubernetes reads them, and the times they stand for.

The grammar, the words of its errors and the behaviour around clock changes are those of
``ParseStandard`` and ``SpecSchedule`` of robfig/cron v3, which the CronJob controller uses: five fields
(minute, hour, day of month, month, day of week) or a descriptor (``@daily``, ``@every 1h30m``). A day
matches when either day field does, unless one of them is ``*``. A time that a clock change skips
is skipped, one that it repeats comes twice. Nothing here reads the clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from expander.base.clock_walk import ClockWalk
from expander.base.cron_fields import DAY, HOUR, MINUTE, MONTH, STAR, WEEKDAY, values
from expander.base.durations import parse_duration

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
_fields = re.compile("[^\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+").findall


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
