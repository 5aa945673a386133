"""Times as the API writes them, and durations as Go does."""

from __future__ import annotations

from calendar import timegm
from functools import lru_cache
from time import gmtime, strftime, strptime

FORMAT = "%Y-%m-%dT%H:%M:%SZ"


def timestamp(at: float) -> str:
    """``at``, in Unix seconds, as a metav1.Time: whole seconds of UTC."""
    return _of_second(int(at))


@lru_cache(maxsize=256)
def _of_second(second: int) -> str:
    return strftime(FORMAT, gmtime(second))


def seconds(text: str) -> float:
    """The Unix seconds of a metav1.Time."""
    return float(timegm(strptime(text, FORMAT)))


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
