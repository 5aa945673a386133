"""One try of a handler (exec, httpGet, tcpSocket, sleep) of a probe or a lifecycle hook.

An attempt never waits: `Attempt.look` says what came of it so far, and ``due`` when to look again. Network
handlers go from here to the pod's address with sockets that don't block.
"""

from __future__ import annotations

import signal
from typing import NamedTuple, Protocol

from expander.kube.time import duration
from expander.local.kubelet.ends import last_bytes
from expander.local.runtime.launch import Exit, Launch

NEVER = float("inf")
LONGEST_OUTPUT = 10 * 1024


class Result(NamedTuple):
    """Whether a handler succeeded, and what it said if not. ``ok`` of None: it could not be tried."""

    ok: bool | None
    message: str = ""


class Attempt(Protocol):
    """One try of a handler."""

    due: float

    def look(self, now: float) -> Result | None:
        """What came of it; None while it is under way."""

    def cancel(self) -> None:
        """Give it up and what it holds."""


class Processes(Protocol):
    """What is needed of `runtime.supervisor.Supervisor`."""

    def start(self, launch: Launch) -> None: ...

    def signal(self, key: str, number: int = ..., *, whole: bool = ...) -> None: ...


class Sleep:
    """The sleep handler."""

    def __init__(self, seconds: float, now: float) -> None:
        self.due = now + seconds

    def look(self, now: float) -> Result | None:
        return Result(True) if now >= self.due else None

    def cancel(self) -> None:
        self.due = NEVER


class Exec:
    """A command run like the container's own, beside it."""

    def __init__(self, processes: Processes, launch: Launch, timeout: float, now: float) -> None:
        self.key = launch.key
        self.due = now + timeout
        self._timeout = timeout
        self._processes = processes
        self._launch = launch
        self._exit: Exit | None = None
        self._given_up = False
        processes.start(launch)

    def ended(self, exit_: Exit) -> None:
        """The supervisor's word on it."""
        self._exit = exit_

    def look(self, now: float) -> Result | None:
        if self._exit is not None:
            if self._exit.exit_code == 0:
                return Result(True)
            output = last_bytes(self._launch.log, LONGEST_OUTPUT).decode(errors="replace")
            return Result(False, self._exit.error or output or f"exit status {self._exit.exit_code}")
        if now < self.due:
            return None
        self.cancel()
        command = " ".join(self._launch.argv)
        return Result(False, f'command timed out: "{command}" timed out after {duration(self._timeout)}')

    def cancel(self) -> None:
        if self._exit is None and not self._given_up:
            self._given_up = True
            self._processes.signal(self.key, signal.SIGKILL)
