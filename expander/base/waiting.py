"""Files that keep their reader waiting, as a pipe does to which nobody writes: it is said what is waited for.

The command line says where (`told_to`), once for the process; in Python nobody is told. A device without an
end, as ``/dev/zero``, is refused.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

QUIET_SECONDS: Final = 2.0
"""How long it is waited without a word."""

_tell: Callable[[str], None] | None = None


@contextmanager
def told_to(tell: Callable[[str], None]) -> Iterator[None]:
    """Within it, ``tell`` gets a line about each file that is waited for."""
    global _tell
    before, _tell = _tell, tell
    try:
        yield
    finally:
        _tell = before


class Waits:
    """Many waits, each short as a rule, within which it stands: ``words`` are told once, when one takes long.

    One thread looks after them all, until `close`; in Python, where nobody is told, there is none.
    """

    def __init__(self, words: str) -> None:
        from threading import Event, Thread

        self._since: float | None = None
        self._over = Event()
        if _tell is not None:
            Thread(target=self._watch, args=(_tell, words), daemon=True, name="waits").start()

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = None

    def close(self) -> None:
        """Nothing is waited for any longer."""
        self._over.set()

    def _watch(self, tell: Callable[[str], None], words: str) -> None:
        while not self._over.wait(QUIET_SECONDS / 4):
            since = self._since
            if since is not None and time.monotonic() - since >= QUIET_SECONDS:
                tell(words)
                return


@contextmanager
def said(words: str) -> Iterator[None]:
    """Within it somebody is waited for: ``words`` are told when it takes long."""
    waits = Waits(words)
    try:
        with waits:
            yield
    finally:
        waits.close()


def waiting_opener(path: str, flags: int) -> int:
    """An ``opener`` of `open` for a file to read: of a pipe it waits for the first byte, or its end.

    Raises OSError for a device other than terminals and ``/dev/null``.
    """
    if not _is_pipe(path):
        return _no_device(os.open(path, flags), path)
    descriptor = os.open(path, flags | os.O_NONBLOCK)  # which waits for no writer
    try:
        _wait(descriptor, path)
        os.set_blocking(descriptor, True)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def file_opener(path: str, flags: int) -> int:
    """An ``opener`` of `open` for a file that nobody pipes. Raises OSError for a pipe and such a device."""
    if _is_pipe(path):
        raise OSError(errno.EINVAL, "Is a pipe, not a file", path)
    return _no_device(os.open(path, flags), path)


def awaited(stream: IO[Any], name: str) -> None:
    """Wait until there is something to read of a stream called ``name``, or it ends."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):  # it is no file
        return
    _wait(descriptor, name)


def _is_pipe(path: str) -> bool:
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _no_device(descriptor: int, path: str) -> int:
    """``descriptor``, closed with OSError where it may never end."""
    about = os.fstat(descriptor)
    may_end = not (stat.S_ISCHR(about.st_mode) or stat.S_ISBLK(about.st_mode))
    if may_end or os.isatty(descriptor) or about.st_rdev == os.stat(os.devnull).st_rdev:
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "Is a device, not a file", path)


def _wait(descriptor: int, name: str) -> None:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    if not poll.poll(QUIET_SECONDS * 1000):
        if _tell is not None:
            _tell(f"waiting for {name}, to which nothing has been written yet")
        poll.poll()
