"""The standard streams of a process as whoever talks to it has them: pipes, or one terminal."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import termios
from collections.abc import Iterable

from expander.base.dataclass import dataclass

_TIOCSPTLCK, _TIOCGPTPEER = 0x40045431, 0x5441


@dataclass(slots=True)
class Streams:
    """This side of the streams; None for one that is not connected. All are non-blocking and this object's.

    ``terminal`` is the other side of the process's terminal, if it has one; stderr is part of stdout then.
    """

    stdin: int | None = None
    stdout: int | None = None
    stderr: int | None = None
    terminal: int | None = None

    def resize(self, width: int, height: int) -> None:
        """Tell the terminal its size in characters; what runs in it gets SIGWINCH."""
        if self.terminal is not None:
            size = struct.pack("HHHH", height & 0xFFFF, width & 0xFFFF, 0, 0)
            with contextlib.suppress(OSError):
                fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def close_stdin(self) -> None:
        """Nothing more is written; without a terminal the process reads its end."""
        if self.stdin is not None:
            os.close(self.stdin)
            self.stdin = None

    def close(self) -> None:
        """Close all of it; a terminal hangs up with its last holder."""
        self.close_stdin()
        for number in (self.stdout, self.stderr, self.terminal):
            if number is not None:
                os.close(number)
        self.stdout = self.stderr = self.terminal = None


def open_terminal(owner: int | None, pid: int | None = None) -> tuple[int, int]:
    """Both sides of a new terminal: that of whoever talks to it first.

    It belongs to the user ``owner``, and is one of the terminals that the process ``pid`` sees where it sees
    others. Raises OSError when there is none to be had.
    """
    if pid is not None:
        with contextlib.suppress(OSError):
            return _open_foreign(f"/proc/{pid}/root/dev/pts/ptmx")
    master, terminal = os.openpty()
    if owner is not None:
        with contextlib.suppress(OSError):
            os.fchown(terminal, owner, -1)
    return master, terminal


def _open_foreign(path: str) -> tuple[int, int]:
    """A terminal of another place where terminals are kept."""
    master = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(master, _TIOCSPTLCK, struct.pack("i", 0))
        terminal = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        os.close(master)
        raise
    if terminal < 0:
        raise OSError(errno.ENOTTY, "not a terminal")
    return master, terminal


def connect(
    *, stdin: bool, stdout: bool, stderr: bool, terminal: tuple[int, int] | None = None
) -> tuple[Streams, list[int]]:
    """New streams, and the three files of the process, which the caller hands on and closes.

    What is not wanted is empty, or thrown away.
    """
    if terminal is not None:
        master, theirs = terminal
        ours = Streams(os.dup(master) if stdin else None, os.dup(master), None, master)
        given = [theirs, os.dup(theirs), os.dup(theirs)]
    else:
        reader, writer = os.pipe() if stdin else (os.open(os.devnull, os.O_RDONLY), None)
        ours, _, writers = outputs(stdout=stdout, stderr=stderr)
        ours.stdin = writer
        given = [reader]
        for wanted in (stdout, stderr):
            given.append(writers.pop(0) if wanted else os.open(os.devnull, os.O_WRONLY))
    _set_non_blocking(ours)
    return ours, given


def outputs(*, stdout: bool, stderr: bool) -> tuple[Streams, list[bytes], list[int]]:
    """Streams for what is written: this side, and the names and the writing ends of those wanted."""
    streams = Streams()
    names: list[bytes] = []
    writers: list[int] = []
    for wanted, name in ((stdout, "stdout"), (stderr, "stderr")):
        if wanted:
            reader, writer = os.pipe()
            setattr(streams, name, reader)
            names.append(name.encode())
            writers.append(writer)
    _set_non_blocking(streams)
    return streams, names, writers


def _set_non_blocking(streams: Streams) -> None:
    for number in (streams.stdin, streams.stdout, streams.stderr):
        if number is not None:
            os.set_blocking(number, False)


def close_all(numbers: Iterable[int]) -> None:
    """Close files."""
    for number in numbers:
        os.close(number)
