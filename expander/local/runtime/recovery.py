"""After a crash: what became of the containers of runs that are over.

A run is over when its supervisor holds the lock on its journal no more. Usually it has killed everything and
recorded every end by then. If it was killed itself, what it left is found here by the journal: the
sessions it started, and the processes that write to their logs.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path

from expander.base.errors import ExpanderError
from expander.local.runtime import families
from expander.local.runtime.journal import END, INTENT, RUN, START, SUFFIX, boot_id, unescape
from expander.local.runtime.launch import Exit

_PATIENCE = 15.0
"""Seconds a supervisor without a client gets to end by itself before it is killed."""


class FolderInUse(ExpanderError):
    """Another expander runs with this state folder."""


class _Run:
    """What a journal says."""

    def __init__(self, path: Path) -> None:
        self.client = self.supervisor = 0
        self.born = 0.0
        self.boot = ""
        self.open: dict[str, tuple[float, float, str, int]] = {}
        self.ends: dict[str, Exit] = {}
        for line in path.read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(ValueError, IndexError):
                self._take(line.decode("ascii").split("\t"))

    def _take(self, field: list[str]) -> None:
        if field[0] == RUN:
            self.client, self.supervisor = int(field[2]), int(field[3])
            self.born, self.boot = float(field[4]), field[5]
            return
        key = unescape(field[1])
        if field[0] == INTENT:
            self.open[key] = (float(field[2]), float(field[3]), unescape(field[4]), 0)
        elif field[0] == START and key in self.open:
            born, _, log, _ = self.open[key]
            self.open[key] = (born, float(field[3]), log, int(field[2]))
        elif field[0] == END:
            code, number = (int(part) if part else None for part in field[2:4])
            flags = field[6]
            self.ends[key] = Exit(
                key,
                code,
                number,
                float(field[4]),
                float(field[5]),
                "o" in flags,
                unescape(field[7]) if "e" in flags else None,
                "l" in flags,
            )
            self.open.pop(key, None)


def recover(folder: Path) -> list[Exit]:
    """How everything ended that earlier runs with this state folder started, once for each key.

    Returns only when none of their processes is left. Ends that were not recorded come as lost, with signal
    9. May be called again, with the same answer, until `forget`. Raises `FolderInUse` if another expander
    is at work in the folder.
    """
    return [end for path in sorted(Path(folder).glob("*" + SUFFIX)) for end in recover_run(path)]


def forget(folder: Path) -> None:
    """Remove the records of the runs that are over: the caller has stored what `recover` told."""
    for path in Path(folder).glob("*" + SUFFIX):
        with open(path, "rb") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def recover_run(path: Path) -> list[Exit]:
    """The ends of one run, by its journal; kills what is left of it. Raises `FolderInUse`."""
    if not path.exists():
        return []
    _wait(path)
    run = _Run(path)
    if run.open:
        if run.boot == boot_id():
            _kill(run)
        now = time.time()
        for key, (_, at, _, _) in run.open.items():
            run.ends[key] = Exit(key, None, signal.SIGKILL, at, now, lost=True)
    return list(run.ends.values())


def _wait(path: Path) -> None:
    """Wait until the supervisor of this journal has ended, and make it if it takes too long."""
    patience = time.monotonic() + _PATIENCE
    with open(path, "rb") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            run = _Run(path)
            client = families.look(run.client) if run.client else None
            if (
                client is not None
                and not client.zombie
                and client.born <= run.born
                and client.pid != os.getpid()
            ):
                raise FolderInUse(
                    f"another expander (process {run.client}) runs with the state folder {path.parent}",
                    hint="wait for it to end, or give this one a folder of its own",
                )
            if time.monotonic() > patience and run.supervisor:
                families.kill(run.supervisor)
            time.sleep(0.005)


def _kill(run: _Run) -> None:
    """Kill what the open containers of a dead supervisor left, until nothing is found."""
    while True:
        found = _left(run)
        if not found:
            return
        for pid in found:
            families.kill(pid)
        time.sleep(0.005)


def _left(run: _Run) -> set[int]:
    """The processes of containers whose end is not recorded."""
    sessions = {pid: born for born, _, _, pid in run.open.values() if pid}
    logs = {number for _, _, log, _ in run.open.values() if (number := families.file_number(log))}
    everyone = [process for process in families.everyone() if not process.zombie]
    found = {
        process.pid
        for process in everyone
        if process.born >= run.born - 0.02
        and (
            process.born >= sessions.get(process.session, float("inf")) - 0.02
            or not logs.isdisjoint(families.outputs(process.pid))
        )
    }
    below = {process.pid for process in everyone if process.parent in found}
    while below - found:
        found |= below
        below = {process.pid for process in everyone if process.parent in found}
    return found - {os.getpid()}
