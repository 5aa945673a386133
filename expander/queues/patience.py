"""How long to wait for a broker that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SHORT = 3.0
"""Seconds for someone who sits at a terminal: a wrong address should be told soon."""

LONG = 45.0
"""Seconds for workers: brokers restart, and start no sooner than the pods that need them."""

PAUSE = 0.3

Answer = TypeVar("Answer")


def patiently(
    ask: Callable[[], Answer],
    seconds: float,
    away: tuple[type[BaseException], ...],
    final: tuple[type[BaseException], ...] = (),
) -> Answer:
    """The answer. Errors of the kinds ``away`` but not ``final`` are raised after so many seconds only."""
    until = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except final:
            raise
        except away:
            if time.monotonic() > until:
                raise
            time.sleep(PAUSE)
