"""Prints the output of containers and what is said of them, in a thread that may wait for a slow reader."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from expander.cli.output.streams import Output, say
from expander.cli.output.terminal import harmless

if TYPE_CHECKING:
    from expander.run.live_logs import LiveLogs

PAUSE_SECONDS: Final = 0.05
"""Seconds between two looks at the logs when none had more."""

PAUSE_FACTOR: Final = 4.0
"""A look is followed by a pause of at least so many times its duration."""

SLOW_READER_SECONDS: Final = 5.0
"""Seconds without a byte read at the end of a run, before the user is told."""


class Printer:
    """Writes to ``out``; ``safe``: a terminal that gets nothing but text and colors.

    What it is told to do is done in this order, and never holds up the caller. A context manager.
    """

    def __init__(self, out: Output, logs: LiveLogs, *, safe: bool) -> None:
        self._out = out
        self._logs = logs
        self.safe = safe
        self._tasks: deque[Callable[[], None]] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._written = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def do(self, task: Callable[[], None]) -> None:
        """Call ``task`` in the thread, after what it was told before."""
        self._tasks.append(task)

    def say(self, text: str) -> None:
        """Print a message on standard error."""
        self.do(partial(say, text))

    def check(self) -> None:
        """Raise the error that has ended the printing: ClosedPipe, OutputError."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Print what is left, to the end of every log; raises as `check`."""
        self._closing = True
        self._wake.set()
        before, told = self._written, False
        while self._thread.is_alive():
            self._thread.join(SLOW_READER_SECONDS)
            if self._written == before and self._thread.is_alive() and not told and not self.safe:
                told = True
                say("all Jobs have ended: waiting for the reader of standard output (Ctrl-C leaves)")
            before = self._written
        self.check()

    def write(self, data: bytes) -> None:
        """Write output of a container; for the thread only."""
        self._out.write(harmless(data) if self.safe else data)
        self._written += len(data)

    def _run(self) -> None:
        try:
            while not self._is_done():
                began = time.monotonic()
                tasks = len(self._tasks)
                for _ in range(tasks):
                    self._tasks.popleft()()
                if self._closing and not self._tasks:
                    self._logs.all_over()
                more = self._logs.turn(self.write)
                self._out.finish()
                if not more and not self._closing:
                    self._wake.wait(max(PAUSE_SECONDS, PAUSE_FACTOR * (time.monotonic() - began)))
        except BaseException as error:  # raised by `check`
            self._error = error
        finally:
            self._logs.close()

    def _is_done(self) -> bool:
        return self._closing and not self._tasks and not self._logs
