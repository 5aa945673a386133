"""How long to wait before a request is made again, and when to give up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

MAX_RETRY_AFTER_SECONDS: Final = 600.0
"""Seconds; a server that asks for more is asked again after this."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Jittered exponential back-off.

    The wait after failure ``n`` (from 1) is drawn between half of ``base * 2**(n-1)`` and all of it, and no
    more than ``cap``; failures after which the server said how long to wait are not counted. ``budget`` is
    how long one item is tried in all. Everything is in seconds.
    """

    base: float = 0.2
    cap: float = 15.0
    budget: float = 900.0

    def wait(self, failures: int, asked: float | None, chance: float) -> float:
        """Seconds to wait; at least what the server ``asked`` for. ``chance`` is from 0 to 1."""
        if asked is not None:
            return min(asked, MAX_RETRY_AFTER_SECONDS) + chance * min(max(asked, 0.5) / 5, 1.0)
        limit = min(self.cap, self.base * 2.0 ** min(failures - 1, 30))
        return limit * (0.5 + chance / 2)

    def is_over(self, first: float, now: float, wait: float) -> bool:
        """Whether an item first tried at ``first`` is given up instead of tried again after ``wait``."""
        return now + wait - first > self.budget


def retry_after(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """The seconds a server asks to wait: the Retry-After header, as a number or a date, or the Status.

    ``headers`` have names in lower case; ``now`` is Unix time, for dates. None when it does not ask.
    """
    header = headers.get("retry-after", "").strip()
    if header.isascii() and header.isdigit():
        return float(header)
    if header:
        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - now)
        except ValueError:
            pass
    if b"retryAfterSeconds" not in body:
        return None
    details = status_of(body).get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, Mapping) else None
    return float(seconds) if isinstance(seconds, int) and seconds > 0 else None


def status_of(body: bytes) -> Mapping[str, object]:
    """The Status in a body, or an empty mapping: some answers of a server are plain text."""
    if not body.lstrip().startswith(b"{"):
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.get("kind") == "Status" else {}


TRANSIENT: Final = frozenset([408, 425, 429, 500, 502, 503, 504])
"""Status codes after which the same request may succeed."""
