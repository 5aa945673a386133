"""How earlier runs ended, by the journals of their supervisors.

A line that is not whole counts as not written. A run is over when its supervisor holds the lock on its
journal no more: usually it has killed everything and recorded every end by then. If it was killed itself,
what it left is found by the tags of its processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path

from expander.base.errors import FolderInUse
from expander.base.named_tuple import NamedTuple
from expander.local.runtime import process_tree
from expander.local.runtime.journal import END, INTENT, NOTE, OVER, RUN, STARTED, SUFFIX, removal, unescape
from expander.local.runtime.runtime import Exit

_SUPERVISOR_EXIT_SECONDS = 15.0
"""Seconds a supervisor without a client gets to end by itself before it is killed."""


class _Run:
    """What a journal says: ``open`` holds when each container without an end was started, and its control."""

    def __init__(self, path: Path) -> None:
        self.client = self.supervisor = self.mark = 0
        self.over = False
        self.open: dict[str, tuple[float, list[str]]] = {}
        self.ends: dict[str, Exit] = {}
        self.started: dict[str, tuple[int, int]] = {}
        self.notes: dict[str, str] = {}
        for line in path.read_bytes().split(b"\n")[:-1]:
            with contextlib.suppress(ValueError, IndexError):
                self._take(line.decode("ascii").split("\t"))

    def _take(self, field: list[str]) -> None:
        if field[0] == RUN:
            self.client, self.supervisor, self.mark = map(int, field[1:4])
            return
        if field[0] == OVER:
            self.over = True
            return
        key = unescape(field[1])
        if field[0] == INTENT:
            self.open[key] = (float(field[2]), [unescape(word) for word in field[3:]])
        elif field[0] == NOTE:
            self.notes[key] = unescape(field[2])
        elif field[0] == STARTED:
            self.started[key] = (int(field[2]), int(field[3]))
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
                int(field[8]) if len(field) > 8 else 0,
                self.notes.get(key, ""),
            )
            self.open.pop(key, None)


def recover(folder: Path) -> list[Exit]:
    """How everything ended that earlier runs with this state folder started, once for each key.

    Returns only when none of their processes is left. Ends that were not recorded come as lost, with signal
    9. May be called again, with the same answer, until `forget`. Raises `FolderInUse` if another expander
    is at work in the folder.
    """
    return [end for path in sorted(Path(folder).glob("*" + SUFFIX)) for end in recover_run(path)]


class RunningContainer(NamedTuple):
    """A container that runs: its process, how many wrap its first one, and its control (see `intent`)."""

    pid: int
    wrappers: int
    control: tuple[str, ...]


def find_running(folder: Path, prefix: str) -> RunningContainer | None:
    """The container whose key begins so and that runs now, by the records of the state folder's runs."""
    for path in Path(folder).glob("*" + SUFFIX):
        with contextlib.suppress(FileNotFoundError):
            run = _Run(path)
            for key in filter(lambda key: key.startswith(prefix), run.open):
                pid, wrappers = run.started.get(key, (0, 0))
                info = process_tree.process_info(pid) if pid else None
                if info is not None and info.parent == run.supervisor and not info.zombie:
                    return RunningContainer(pid, wrappers, tuple(run.open[key][1]))
    return None


def forget(folder: Path, own: Path | None = None) -> None:
    """Remove the records of the runs that are over: the caller has stored what `recover` told.

    ``own`` is that of a run that begins: its supervisor may have made the file and not locked it yet.
    """
    for path in {*Path(folder).glob("*" + SUFFIX)} - {own}:
        with open(path, "rb") as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def recover_run(path: Path) -> list[Exit]:
    """The ends of one run, by its journal; kills what is left of it. Raises `FolderInUse`."""
    if not path.exists():
        return []
    _wait(path)
    run = _Run(path)
    if not run.over:
        _kill(run)
    now = time.time()
    for key, (at, _) in run.open.items():
        run.ends[key] = Exit(key, None, signal.SIGKILL, at, now, lost=True)
    return list(run.ends.values())


def _wait(path: Path) -> None:
    """Wait until the supervisor of this journal has ended, and make it if it takes too long."""
    patience = time.monotonic() + _SUPERVISOR_EXIT_SECONDS
    with open(path, "rb") as file:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            run = _Run(path)
            supervisor = process_tree.process_info(run.supervisor) if run.supervisor else None
            if supervisor is not None and supervisor.parent == run.client != os.getpid():
                raise FolderInUse(
                    f"another expander (process {run.client}) runs with the state folder {path.parent}",
                    hint="wait for it to end, or give this one a folder of its own",
                )
            if time.monotonic() > patience and run.supervisor:
                process_tree.kill(run.supervisor)
            time.sleep(0.005)


def _kill(run: _Run) -> None:
    """Kill what a dead supervisor left, until nothing is found."""
    for _, control in run.open.values():
        if control:
            with contextlib.suppress(OSError):
                subprocess.run(removal(control), capture_output=True, stdin=subprocess.DEVNULL, check=False)
    while run.mark and process_tree.kill_each(_left(run)):
        time.sleep(0.005)


def _left(run: _Run) -> list[int]:
    """The processes that carry a mark of the run."""
    numbers = range(run.mark, run.mark + process_tree.TAGS_PER_RUN)
    return [
        process.pid
        for process in process_tree.all_processes()
        if not process.zombie and process_tree.read_tag(process.pid) in numbers
    ]
