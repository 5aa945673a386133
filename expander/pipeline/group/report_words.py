"""Numbers, times and durations as a report writes them."""

from __future__ import annotations

from time import gmtime, strftime

_UNITS = ((60, "m", 1, "s"), (3600, "h", 60, "m"), (86400, "d", 3600, "h"))


def span(seconds: float | None) -> str:
    """A duration for people: ``3.2 s``, ``4 m 10 s``, ``2 h 5 m``; empty for None."""
    if seconds is None:
        return ""
    whole = round(seconds)
    if seconds < 10 and seconds != whole:
        return f"{seconds:.1f} s"
    if whole < 60:
        return f"{whole} s"
    size, unit, smaller, name = next(
        each for each in _UNITS if whole < each[0] * (24 if each[1] == "h" else 60) or each[1] == "d"
    )
    rest = whole % size // smaller
    return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")


def lasted(seconds: float | None) -> str:
    """How long something took. The API's times are whole seconds: what took none took less than one."""
    return "< 1 s" if seconds == 0 else span(seconds)


def number(value: float) -> str:
    """A number with three significant digits, whole from 100 on: ``0.042``, ``1.53``, ``12,345``."""
    if value >= 99.95 or value == int(value):
        return f"{round(value):,}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}" if value >= 0.095 else f"{value:.2g}"


def percent(part: float, whole: float) -> str:
    """A share; what is more than nothing is never shown as nothing, nor what is less than all as all."""
    if not whole or not part:
        return "0 %"
    share = 100 * part / whole
    if share < 0.1:
        return "< 0.1 %"
    if 99.9 < share < 100:
        return "99.9 %"
    return f"{share:.0f} %" if share >= 10 or share == int(share) else f"{share:.1f} %"


def moment(seconds: float) -> str:
    """A time in UTC, to the second."""
    return strftime("%Y-%m-%d %H:%M:%S UTC", gmtime(seconds))


def counted(count: int, one: str) -> str:
    """``1 item``, ``12 items``."""
    return f"{count:,} {one}{'' if count == 1 else 's'}"
