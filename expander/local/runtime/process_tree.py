"""Who belongs to whom among the processes of this machine, read from /proc, and the tags they carry.

Where there is no /proc (macOS) nothing is found: a container is then its process group, no more.

A tag is a number that each process of a container carries from its birth, whatever it does to get away. A
process can leave its group, its session and its parent, close its files and change its environment. What
it keeps, and hands on to all it starts, is its resource limits. One of them is without effect on ordinary
processes when it is large: how many microseconds a real-time process may run without pause. Its exact
value is the tag: centuries, and which container. Linux only; elsewhere no process carries one.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterable

from expander.base.named_tuple import NamedTuple

CATCHABLE_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
"""What a new process gets back the default meaning of: this one's parent may have ignored any (``nohup``)."""

_SET_PDEATHSIG, _SET_CHILD_SUBREAPER = 1, 36


class Process(NamedTuple):
    """One process."""

    pid: int
    parent: int
    group: int
    session: int
    zombie: bool


def adopt_orphans(parent_death: int) -> bool:
    """Make this process the new parent of all descendants whose own parent dies (Linux only).

    Also ask for the signal ``parent_death`` when the parent of this process dies. False where the system
    cannot do the first.
    """
    import ctypes  # only a supervisor needs it

    try:
        prctl = ctypes.CDLL(None).prctl
    except (AttributeError, OSError):
        return False
    prctl(_SET_PDEATHSIG, ctypes.c_ulong(parent_death))
    return bool(prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(1)) == 0)


def process_info(pid: int) -> Process | None:
    """The process with this number, or None if there is none (any more)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    field = text[text.rindex(b")") + 2 :].split()
    return Process(pid, int(field[1]), int(field[2]), int(field[3]), field[0] in (b"Z", b"X"))


def all_processes() -> list[Process]:
    """All processes of this machine that this user may see."""
    with contextlib.suppress(OSError):
        return [
            found for name in os.listdir("/proc") if name.isdigit() and (found := process_info(int(name)))
        ]
    return []


def children(pid: int) -> list[int]:
    """The living (and unreaped) children of ``pid``."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(map(int, file.read().split()))
    except FileNotFoundError:
        if os.path.exists(f"/proc/{pid}/stat"):
            return [process.pid for process in all_processes() if process.parent == pid]
    except OSError:
        pass
    return found


PART_BYTES = 4096
"""Bytes of a list of processes that are read at a time; the kernel gives no more."""


class OwnChildren:
    """The children of this process, which has one thread and asks for them often."""

    def __init__(self) -> None:
        try:
            self._file = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        except OSError:
            self._file = -1

    def now(self) -> list[int]:
        """Those that live, and those not yet reaped."""
        if self._file < 0:
            return children(os.getpid())
        found = part = os.pread(self._file, PART_BYTES, 0)
        while len(part) > PART_BYTES // 2:  # shorter ones are the last
            part = os.pread(self._file, PART_BYTES, len(found))
            found += part
        return [*map(int, found.split())]


def descendants(pid: int) -> list[int]:
    """All that ``pid`` started, directly or not, parents before their children."""
    found = children(pid)
    for each in found:
        found.extend(children(each))
    return found


def below_wrappers(pid: int, wrappers: int) -> int | None:
    """The first process of a container: that ``wrappers`` levels below ``pid``; None if it is not there."""
    for _ in range(wrappers):
        found = children(pid)
        if not found:
            return None
        pid = found[0]
    return pid


def kill(pid: int, number: int = signal.SIGKILL) -> bool:
    """Signal one process; False if it is gone or belongs to someone else."""
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def kill_each(pids: Iterable[int]) -> bool:
    """Kill all of these; False if none of them is left that this user may kill."""
    return sum(map(kill, pids)) > 0


def kill_group(group: int, number: int = signal.SIGKILL) -> bool:
    """Signal a process group; False if nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says so of a group of zombies; elsewhere: it belongs to someone else
        return False
    return True


TAGS_PER_RUN = 1 << 24
"""How many numbers a run has; a container started so many containers later gets the same one again."""

_KIND: int | None = getattr(resource, "RLIMIT_RTTIME", None)
_IS_FREE = _KIND is not None and resource.getrlimit(_KIND)[1] == resource.RLIM_INFINITY
_LINE = b"Max realtime timeout"


def new_run_tag() -> int:
    """The first number of a run; no other run's are near it."""
    return (1 << 62) + int.from_bytes(os.urandom(4), "little") * TAGS_PER_RUN


def set_tag(mark: int) -> None:
    """Have the processes that this one starts from now on carry ``mark``."""
    if _KIND is not None and _IS_FREE:
        resource.setrlimit(_KIND, (mark, resource.RLIM_INFINITY))


def read_tag(pid: int) -> int:
    """The number ``pid`` carries; 0 if it has none, or is gone."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            text = file.read()
    except OSError:
        return 0
    at = text.find(_LINE)
    soft = text[at + len(_LINE) :].split(None, 1)[0] if at >= 0 else b""
    return int(soft) if soft.isdigit() else 0
