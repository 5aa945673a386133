"""Stop a call from outside, as Ctrl-C stops a command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar


class Stop:
    """Whether calls in a context are to stop; `set` may be called from any thread, and once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: list[Callable[[], None]] = []
        self.is_set = False

    def set(self) -> None:
        """Stop what runs."""
        with self._lock:
            self.is_set = True
            calls, self._calls = self._calls, []
        for call in calls:
            call()

    def add(self, call: Callable[[], None]) -> None:
        """Call this when it is set, at once if it is."""
        with self._lock:
            if not self.is_set:
                self._calls.append(call)
                return
        call()


STOP: ContextVar[Stop | None] = ContextVar("stop", default=None)
"""What stops the calls of this context."""


def stop_check() -> Callable[[], bool]:
    """A function that says, in any thread, whether the call that runs now is to stop."""
    stop = STOP.get()
    return (lambda: False) if stop is None else (lambda: stop.is_set)


def on_stop(call: Callable[[], None]) -> None:
    """Call this when the call that runs now is to stop; safe in a signal handler as it has to be."""
    if (stop := STOP.get()) is not None:
        stop.add(call)
