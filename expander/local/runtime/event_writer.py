"""What the supervisor reports: into the journal first, then to whoever listens."""

from __future__ import annotations

import os
import time

from expander.local.runtime import wire
from expander.local.runtime.journal import Journal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class EventWriter:
    """Tells of starts and ends; never waits for the listener. ``deaf``: there is no listener any more.

    ``waits_for_room``: something was told that the listener has no room for yet.
    """

    def __init__(self, journal: Journal, events: int) -> None:
        self.journal = journal
        self._events = events
        self._unsent = b""
        self.deaf = self.waits_for_room = False

    def started(self, key: str, pid: int, at: float) -> None:
        """A container runs."""
        self._send((wire.STARTED, key, pid, at))

    def ended(
        self,
        key: str,
        code: int | None,
        number: int | None,
        started: float,
        finished: float,
        oom: bool = False,
        error: str | None = None,
        lost: bool = False,
        unlogged: int = 0,
    ) -> None:
        """A container has ended, or could not be started; the arguments are the fields of `runtime.Exit`."""
        self.journal.end(key, code, number, started, finished, oom, error, lost, unlogged)
        self._send((wire.EXIT, key, code, number, started, finished, oom, error, lost, unlogged))

    def exec_ended(
        self, key: str, code: int | None, number: int | None, started: float, error: str | None
    ) -> None:
        """A command in a container has ended; it is in no journal."""
        self._send((wire.EXIT, key, code, number, started, time.time(), False, error))

    def attached(self, number: int) -> None:
        """What a container writes is copied from now on."""
        self._send((wire.ATTACHED, number))

    def _send(self, message: tuple[Any, ...]) -> None:
        self._unsent += wire.pack(message)

    def send(self) -> None:
        """Pass on what was told, as far as there is room."""
        self.waits_for_room = False
        while self._unsent:
            try:
                self._unsent = self._unsent[os.write(self._events, self._unsent) :]
            except BlockingIOError:
                self.waits_for_room = True
                return
            except OSError:
                self._unsent = b""
                self.deaf = True
