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


class Patience:
    """Waits for a broker: ``first`` seconds for its first answer, `LONG` once it was there.

    ``stopped`` says that nobody wants the answer any more.
    """

    def __init__(self, first: float = SHORT, stopped: Callable[[], object] = lambda: False) -> None:
        self._seconds = first
        self._stopped = stopped

    def ask(
        self,
        question: Callable[[], Answer],
        away: tuple[type[BaseException], ...],
        final: tuple[type[BaseException], ...] = (),
    ) -> Answer:
        """The answer. Errors of the kinds ``away`` but not ``final`` are raised when patience has ended."""
        until = time.monotonic() + self._seconds
        while True:
            try:
                answer = question()
            except final:
                raise
            except away:
                if time.monotonic() > until or self._stopped():
                    raise
                time.sleep(PAUSE)
            else:
                self._seconds = LONG
                return answer
