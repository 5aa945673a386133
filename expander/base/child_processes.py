"""Child processes that nobody needs once this program ends: they end with it, unless that is killed."""

from __future__ import annotations

import atexit
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import current_thread, get_ident, main_thread
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from subprocess import Popen

_at_work: Final[dict[Popen[Any], bool]] = {}
"""Whether each is ended by the first signal already, where the program ends in order."""

_starting: Final[set[int]] = set()
"""Threads that start a process right now: it may be at work and not be known here yet."""

_signals: Final[list[int]] = []
"""Signals that came while this thread was at that."""

LONGEST_START = 1.0
"""Seconds for which the end of the program waits for processes that are being started."""


def _forget() -> None:
    _at_work.clear()
    _starting.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def ends_with_us(arguments: Sequence[str], *, first: bool = False, **options: Any) -> Iterator[Popen[Any]]:
    """Start a process with the options of `subprocess.Popen`, whose errors it raises.

    To the end of the block it is ended with this program, and by an exception; with ``first`` also by
    `end_first`.
    """
    from subprocess import Popen

    _starting.add(get_ident())
    try:
        process = Popen(arguments, **options)
        _at_work[process] = first
    finally:
        _starting.discard(get_ident())
        if _signals and current_thread() is main_thread():
            _end_program(_signals.pop(), None)
    try:
        yield process
    except BaseException:
        end(process)
        raise
    finally:
        _at_work.pop(process, None)


def end(process: Popen[Any]) -> None:
    """End a process that has not ended: one that leads a session is killed with all that it has started.

    Any other shares our terminal, which it is to leave in order: it gets SIGTERM.
    """
    if process.returncode is not None:
        return
    with suppress(OSError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.terminate()


@atexit.register  # nobody waits for them any longer, as after Ctrl-C
def _end_all() -> None:
    latest = time.monotonic() + LONGEST_START
    while _starting and time.monotonic() < latest:
        time.sleep(0.001)
    for process in tuple(_at_work):
        end(process)


def end_first() -> None:
    """A signal has come, and the program ends in order: end what could hold that up."""
    for process, first in tuple(_at_work.items()):
        if first:
            end(process)


def end_by_signals() -> list[int]:
    """From now on SIGTERM and SIGHUP end them too, where they end this program and nobody handles them.

    Gives those of the two for which that is new; none in a thread that is not the main one.
    """
    is_main = current_thread() is main_thread()  # others cannot set handlers
    both = (signal.SIGTERM, signal.SIGHUP) if is_main else ()
    ours = [number for number in both if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end_program)
    return [int(number) for number in ours]


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """`end_by_signals` to the end of the block."""
    ours = end_by_signals()
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end_program(number: int, _: object) -> None:
    if get_ident() in _starting:
        _signals.append(number)  # once it is known
        return
    _end_all()
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
