"""Which time of a schedule a CronJob has not seen to, and when to look at it next.

pkg/controller/cronjob/utils.go of Kubernetes v1.36 decides. Only the last of several missed times counts;
how many were missed is estimated from the first two times of the schedule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

PADDING: Final = 0.1
"""Seconds after a scheduled time at which the CronJob is looked at, against small steps of the clock."""

MANY: Final = 100
"""More missed times than so many are worth a warning."""

Following = Callable[[float], "int | None"]
"""From a time to the schedule's first one after it, Unix seconds; None when there is none."""


class Unmet(NamedTuple):
    """``latest`` is the last time of the schedule that has come; None when none has since ``earliest``.

    ``missed`` is about how many came before it; 0 when it is at most the first.
    """

    earliest: float
    latest: int | None
    missed: int


def unmet(following: Following, earliest: float, now: float) -> Unmet:
    """The times after ``earliest`` up to ``now``. Raises ValueError, in the controller's words, for a
    schedule that has no times."""
    first = following(earliest)
    if first is not None and now < first:
        return Unmet(earliest, None, 0)
    second = None if first is None else following(first)
    if first is None or second is None:
        raise ValueError("time difference between two schedules is less than 1 second")
    if now < second:
        return Unmet(earliest, first, 0)
    gap = second - first
    missed = int(now - first) // gap + 1
    latest = None
    time = following(first + (missed - 2) * gap)
    while time is not None and time <= now:
        latest, time = time, following(time)
    return Unmet(earliest, latest, missed)


def next_look(following: Following, earliest: float, now: float) -> float | None:
    """When to look next at a CronJob that was last seen to at ``earliest``; None for never."""
    try:
        found = unmet(following, earliest, now)
    except ValueError:
        start = now
    else:
        start = now if found.missed else found.earliest
        start = start if found.latest is None else found.latest
    time = following(start)
    return None if time is None else time + PADDING
