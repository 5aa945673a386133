"""A walk along the wall clock of a time zone, forward, field by field.

Steps, and what happens to them at clock changes, are those of Go's ``time`` package as robfig/cron
uses it: midnights are found by calendar arithmetic, hours and minutes by adding seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
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
