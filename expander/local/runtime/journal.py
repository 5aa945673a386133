"""The supervisor's durable record of what it is about to start and how each ended.

One line per fact, appended before anyone is told of it, so the file knows at least as much as any reader
of events does. It outlives both processes; it is not forced to the disk, so a power cut may take the last
lines with it. `journal_recovery` reads it back.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
from collections.abc import Iterable, Sequence

RUN, NOTE, INTENT, STARTED, END, OVER = "R", "N", "I", "S", "X", "Z"
SUFFIX = ".journal"
_COMPACT_AFTER = 10_000
"""So many ends that are kept elsewhere are worth writing the file anew without them."""


@functools.lru_cache(maxsize=256)
def escape(text: str) -> str:
    """``text`` as one printable word of ASCII without tabs and line ends."""
    return text.encode("unicode_escape").decode("ascii")


def removal(control: Sequence[str]) -> list[str]:
    """The command that kills an engine's container and takes away what the engine keeps of it.

    ``control`` is the one that signals it (see `Journal.intent`).
    """
    script = '"$0" kill --signal KILL "$1"; exec "$0" rm --force "$1"'
    return ["sh", "-c", script, control[0], control[-1]]


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

    def intent(self, key: str, at: float, control: Iterable[str], note: str = "") -> bool:
        """Record that ``key`` is about to be started; False if that cannot be written.

        ``control`` is the command that signals it where it is not processes of this machine, ``note`` what is
        to be known of it then (see `Launch`).
        """
        line = "\t".join([INTENT, escape(key), repr(at), *map(escape, control)])
        return self.append(f"{NOTE}\t{escape(key)}\t{escape(note)}\n{line}\n" if note else f"{line}\n")

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
