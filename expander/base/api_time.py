"""Times as the API writes them in objects (metav1.Time): RFC 3339 in UTC, whole seconds."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from time import gmtime, strftime


@lru_cache(maxsize=4096)
def unix(text: str) -> float:
    """The Unix time of an API timestamp; ValueError when it is none."""
    return datetime.fromisoformat(text).timestamp()


def api_time(now: float) -> str:
    """The API's form of a Unix time: whole seconds, cut off."""
    return _second(int(now))


@lru_cache(maxsize=256)
def _second(now: int) -> str:
    return strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(now))
