"""Back-off between attempts, the Retry-After of a server, and when to give up."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from expander.base.dataclass import dataclass

TRANSIENT: Final = frozenset([408, 425, 429, 500, 502, 503, 504])
"""HTTP status codes after which the same request may succeed."""

MIN_ATTEMPT_SECONDS: Final = 1.0
"""How long a response is waited for, however little of the time of its item is left."""

SOON_SECONDS: Final = 0.05
"""The wait for another attempt `Retry.soon`, at least; it is twice that at most."""

USUAL_RETRY_AFTER_SECONDS: Final = 1.0
"""The Retry-After of a server that is full for the moment (apiserver/pkg/server/filters)."""

MAX_RETRY_AFTER_SECONDS: Final = 120.0
"""The longest Retry-After that is obeyed: a clock or a proxy may be wrong by years."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Jittered exponential back-off; all times are in seconds.

    The wait after failure ``n`` (from 1) is drawn between half of ``base * 2**(n-1)`` and all of it, and is
    no more than ``cap``. ``budget`` is how long one item is tried in all, ``silence`` how long a server that
    does not ask to come again later. So many refusals in a row as ``soon`` says are taken for chance: the
    next attempt does not wait for the usual Retry-After.
    """

    base: float = 0.2
    cap: float = 15.0
    budget: float = 900.0
    silence: float = math.inf
    soon: int = 0

    def wait(self, failures: int, asked: float | None, chance: float, refused: int = 0) -> float:
        """Seconds to wait: what the server ``asked`` for, else by the number of failures.

        ``chance``, from 0 to 1, is the jitter; ``refused`` are the refusals (429) in a row.
        """
        if asked is not None and 0 < refused <= self.soon and asked <= USUAL_RETRY_AFTER_SECONDS:
            return min(asked, SOON_SECONDS * (1 + chance))
        if asked is not None:
            return min(asked, MAX_RETRY_AFTER_SECONDS) + chance * min(max(asked, 0.5) / 5, 1.0)
        limit = min(self.cap, self.base * 2.0 ** min(failures - 1, 30))
        return limit * (0.5 + chance / 2)

    def left(self, first: float, now: float, asked_at: float | None = None) -> float:
        """How many seconds an item first tried at ``first`` may take from ``now`` on; a moment at least.

        ``asked_at`` is when the server last asked to come again, if it has.
        """
        return max(MIN_ATTEMPT_SECONDS, min(first + self.budget, self._silent_until(first, asked_at)) - now)

    def is_over(self, first: float, now: float, wait: float, asked_at: float | None = None) -> bool:
        """Whether the budget of an item first tried at ``first`` ends before ``wait`` does, or silence has.

        ``asked_at`` is as for `left`.
        """
        return now + wait - first > self.budget or now > self._silent_until(first, asked_at)

    def _silent_until(self, first: float, asked_at: float | None) -> float:
        return (first if asked_at is None else asked_at) + self.silence


def asks_to_wait(status: int, asked: float | None) -> bool:
    """Whether a response says that the server is there and busy; ``asked`` is its `retry_after`."""
    return status == 429 or (asked is not None and status in TRANSIENT)


def retry_after(headers: Mapping[str, str], body: bytes, now: float) -> float | None:
    """The seconds a server asks to wait, in the Retry-After header (RFC 9110) or a Status.

    ``headers`` have names in lower case; ``now`` is Unix time, for dates. None when it does not ask.
    """
    header = headers.get("retry-after", "").strip()
    if header.isascii() and header.isdigit():
        return float(header)
    if header:
        from email.utils import parsedate_to_datetime  # only who is sent a date pays for it

        try:
            return max(0.0, parsedate_to_datetime(header).timestamp() - now)
        except (ValueError, OverflowError):
            pass
    if b"retryAfterSeconds" not in body:
        return None
    details = status_of(body).get("details")
    seconds = details.get("retryAfterSeconds") if isinstance(details, dict) else None
    return float(min(seconds, 1 << 31)) if isinstance(seconds, int) and seconds > 0 else None


def status_of(body: bytes) -> Mapping[str, Any]:
    """The Status of a failure in a body; empty when there is none, since some answers are plain text."""
    if not body.lstrip().startswith(b"{"):
        return {}
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("kind") != "Status" or found.get("status") == "Success":
        return {}
    return found
