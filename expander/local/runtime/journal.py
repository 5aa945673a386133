"""The supervisor's durable record of what it is about to start and how each ended, and how it is read back.

One line per fact, appended before anyone is told of it, so the file knows at least as much as any reader
of events does. It outlives both processes; it is not forced to the disk, so a power cut may take the last
lines with it. A line that is not whole counts as not written. A run is over when its supervisor holds the
lock on its journal no more: usually it has killed everything and recorded every end by then. If it was killed
itself, what it left is found by the tags of its processes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from expander.base.errors import FolderInUse
from expander.local.runtime import process_tree
from expander.local.runtime.runtime import Exit

RUN, INTENT, STARTED, END, OVER = "R", "I", "S", "X", "Z"
SUFFIX = ".journal"
_COMPACT_AFTER = 10_000
"""So many ends that are kept elsewhere are worth writing the file anew without them."""


def escape(text: str) -> str:
    """``text`` as one printable word of ASCII without tabs and line ends."""
    return text.encode("unicode_escape").decode("ascii")


def unescape(word: str) -> str:
    """The text that `escape` made ``word`` of."""
    return word.encode("ascii").decode("unicode_escape")


class Journal:
    """Writes the record of one run. Holds a lock on the file for as long as the run lasts."""

    def __init__(self, path: str, client: int, mark: int) -> None:
        """``client`` is the process this is for, ``mark`` the first tag of the run (see `process_tree`)."""
        self.path = path
        self._file = self._open(path)
        self._unwritten = b""
        self._settled: set[str] = set()
        self.append(f"{RUN}\t{client}\t{os.getpid()}\t{mark}\n")

    def _open(self, path: str) -> int:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        return file

    def intent(self, key: str, at: float, control: Iterable[str]) -> bool:
        """Record that ``key`` is about to be started; False if that cannot be written.

        ``control`` is the command that signals it where it is not processes of this machine (see `launch`).
        """
        return self.append("\t".join([INTENT, escape(key), repr(at), *map(escape, control)]) + "\n")

    def started(self, key: str, pid: int, wrappers: int) -> None:
        """Record the process that was started for ``key``, and how many stand above the container's first."""
        self.append(f"{STARTED}\t{escape(key)}\t{pid}\t{wrappers}\n")

    def end(
        self,
        key: str,
        code: int | None,
        signal: int | None,
        started: float,
        finished: float,
        oom: bool,
        error: str | None,
        lost: bool,
        unlogged: int = 0,
    ) -> bool:
        """Record how ``key`` ended: the fields of `runtime.Exit`."""
        how = "\t".join("" if part is None else str(part) for part in (code, signal))
        flags = ("o" if oom else "") + ("l" if lost else "") + ("e" if error is not None else "")
        line = f"{END}\t{escape(key)}\t{how}\t{started!r}\t{finished!r}\t{flags}\t{escape(error or '')}"
        return self.append(f"{line}\t{unlogged}\n" if unlogged else line + "\n")

    def over(self) -> None:
        """Record that nothing is left of this run."""
        self.append(f"{OVER}\t\n")

    def append(self, line: str) -> bool:
        """Write ``line``, after whatever could not be written before; False if it is not in the file yet."""
        data = self._unwritten + line.encode("ascii")
        while data:
            try:
                written = os.write(self._file, data)
            except OSError:
                break
            data = data[written:]
        self._unwritten = data
        return not data

    def settle(self, keys: Iterable[str]) -> None:
        """Forget these keys, whose ends are kept elsewhere, once there are enough of them to be worth it."""
        self._settled.update(keys)
        if len(self._settled) >= _COMPACT_AFTER and not self._unwritten:
            self._compact()

    def _compact(self) -> None:
        """Put a file without the settled keys in the place of this one, which stays whole if that fails."""
        settled = {escape(key) for key in self._settled}
        fresh = self.path + ".new"
        try:
            with open(self.path, "rb") as old:
                lines = [
                    line
                    for line in old
                    if line.split(b"\t", 2)[1].decode() not in settled or line.startswith(RUN.encode())
                ]
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            file = self._open(fresh)
            with open(file, "wb", closefd=False) as new:
                new.writelines(lines)
            os.replace(fresh, self.path)
        except OSError:
            return
        os.close(self._file)
        self._file = file
        self._settled.clear()


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
            words = [str(int(signal.SIGKILL)) if word == "SIGNAL" else word for word in control]
            with contextlib.suppress(OSError):
                subprocess.run(words, capture_output=True, stdin=subprocess.DEVNULL, check=False)
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
