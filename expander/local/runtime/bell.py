"""Signals to the supervisor, as something its loop can wait for."""

from __future__ import annotations

import contextlib
import os
import select
import signal


class Bell:
    """Rings when a child has ended or this process is told to end; ``ending`` says the latter.

    SIGHUP comes when the thread that started this process ends: it counts only if ``parent`` is gone with it.
    """

    def __init__(self, parent: int) -> None:
        self._parent = parent
        self.ending = False
        self._ear, mouth = os.pipe()
        for end in (self._ear, mouth):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _nothing)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._end)

    def _end(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number != signal.SIGHUP or os.getppid() != self._parent

    def fileno(self) -> int:
        """Readable when it has rung since the last `quiet`."""
        return self._ear

    def quiet(self) -> None:
        """It was heard."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._ear, 4096)

    def wait(self, seconds: float) -> None:
        """Wait until it rings, but not longer than this."""
        select.select([self._ear], [], [], seconds)
        self.quiet()


def _nothing(_number: int, _frame: object) -> None:
    """SIGCHLD only has to end the wait."""
