"""Who belongs to whom among the processes of this machine, read from /proc.

Where there is no /proc (macOS) nothing is found: a container is then its process group, no more.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable
from typing import NamedTuple

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
    try:
        prctl = ctypes.CDLL(None).prctl
    except (AttributeError, OSError):
        return False
    prctl(_SET_PDEATHSIG, ctypes.c_ulong(parent_death))
    return bool(prctl(_SET_CHILD_SUBREAPER, ctypes.c_ulong(1)) == 0)


def look(pid: int) -> Process | None:
    """The process with this number, or None if there is none (any more)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read()
    except OSError:
        return None
    field = text[text.rindex(b")") + 2 :].split()
    return Process(pid, int(field[1]), int(field[2]), int(field[3]), field[0] in (b"Z", b"X"))


def everyone() -> list[Process]:
    """All processes of this machine that this user may see."""
    with contextlib.suppress(OSError):
        return [found for name in os.listdir("/proc") if name.isdigit() and (found := look(int(name)))]
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
            return [process.pid for process in everyone() if process.parent == pid]
    except OSError:
        pass
    return found


def descendants(pid: int) -> list[int]:
    """All that ``pid`` started, directly or not, parents before their children."""
    found = children(pid)
    for each in found:
        found.extend(children(each))
    return found


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
