"""Who belongs to whom among the processes of this machine, read from /proc.

Where there is no /proc (macOS) nothing is found: a container is then its process group, no more.

A number that each process of a container carries from its birth, whatever it does to get away.

A process can leave its group, its session and its parent, close its files and change its environment. What
it keeps, and hands on to all it starts, is its resource limits. One of them is without effect on ordinary
processes when it is large: how many microseconds a real-time process may run without pause. Its exact
value is the number: centuries, and which container. Linux only; elsewhere no process carries one.

The containers that live, by process: signals go to all of one, and its end is when all of it is gone.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import time
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


TAGS_PER_RUN = 1 << 24
"""How many numbers a run has; a container started so many containers later gets the same one again."""

_KIND: int | None = getattr(resource, "RLIMIT_RTTIME", None)
_LINE = b"Max realtime timeout"


def new_run_tag() -> int:
    """The first number of a run; no other run's are near it."""
    return (1 << 62) + int.from_bytes(os.urandom(4), "little") * TAGS_PER_RUN


def set_tag(mark: int) -> None:
    """Have the processes that this one starts from now on carry ``mark``."""
    if _KIND is not None:
        hard = resource.getrlimit(_KIND)[1]
        if hard == resource.RLIM_INFINITY:
            resource.setrlimit(_KIND, (mark, hard))


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


class ContainerProcess:
    """One container: the process that was started for it, and what is known of its end."""

    __slots__ = (
        "cgroup",
        "control",
        "finished",
        "key",
        "killed",
        "limited",
        "lost",
        "mark",
        "memory",
        "oom",
        "pid",
        "started",
        "status",
        "strays",
        "wrappers",
    )

    def __init__(
        self,
        key: str,
        pid: int,
        mark: int,
        started: float,
        wrappers: int,
        control: tuple[str, ...],
        limited: bool,
    ) -> None:
        self.key, self.pid, self.mark, self.started = key, pid, mark, started
        self.wrappers, self.control, self.limited = wrappers, control, limited
        self.memory: int | None = None
        self.cgroup: str | None = None
        self.oom = self.lost = self.killed = False
        self.status = 0
        self.finished = 0.0
        self.strays: set[int] = set()
        """Its processes whose own parents are dead, so that they are children of this process now."""


class ContainerProcesses:
    """All containers of a run. A container is its process group and what descends from it.

    Its first process ends first; the rest is then killed, as the kernel does with a container's, and the
    container counts as ended when its group is empty.
    """

    def __init__(self, mark: int) -> None:
        """``mark`` is the first number of the run (see `marks`); the containers get those after it."""
        self.mark = mark
        self.by_pid: dict[int, ContainerProcess] = {}
        self.by_key: dict[str, ContainerProcess] = {}
        self.limited: list[ContainerProcess] = []
        self.ending: list[ContainerProcess] = []
        self._count = 0
        self._by_mark: dict[int, ContainerProcess] = {}
        self._owners: dict[int, ContainerProcess] = {}
        """The container of each stray."""
        self.aides: dict[int, tuple[ContainerProcess, int]] = {}
        """Commands of a container engine under way: which container they bring which signal."""

    def next_mark(self) -> int:
        """The number for the next container."""
        self._count += 1
        return self.mark + self._count % (TAGS_PER_RUN - 1) + 1

    def add(self, child: ContainerProcess) -> None:
        """A container was started."""
        self.by_pid[child.pid] = child
        self.by_key[child.key] = child
        self._by_mark[child.mark] = child
        if child.memory is not None:
            self.limited.append(child)

    def reaped(self, pid: int, status: int) -> None:
        """A child of this process has ended: the first process of a container, or an orphan."""
        child = self.by_pid.pop(pid, None)
        if child is None:
            self._helped(pid, status)
            owner = self._owners.pop(pid, None)
            if owner is not None:
                owner.strays.discard(pid)
            return
        child.status, child.finished = status, time.time()
        self._by_mark.pop(child.mark, None)
        if child.memory is not None:
            self.limited.remove(child)
        kill_each(child.strays)
        self.ending.append(child)

    def _helped(self, pid: int, status: int) -> None:
        """An aide has ended. If it failed, there is no container (yet): the engine's own process gets it."""
        child, number = self.aides.pop(pid, (None, 0))
        if child is not None and status and child.pid in self.by_pid:
            kill_group(child.pid, number)

    def gone(self) -> list[ContainerProcess]:
        """The containers of which nothing is left since the last call; the rest of the others is killed."""
        if not self.ending:
            return []
        gone, self.ending, ending = [], [], self.ending
        for child in ending:
            if kill_group(child.pid):
                self.ending.append(child)
            else:
                del self.by_key[child.key]
                gone.append(child)
        return gone

    def sweep(self) -> None:
        """Find the processes that lost their parents, and kill those of containers that have ended."""
        for pid in children(os.getpid()):
            if pid in self.by_pid or pid in self._owners or pid in self.aides:
                continue
            mark = read_tag(pid)
            owner = self._by_mark.get(mark)
            if owner is not None:
                owner.strays.add(pid)
                self._owners[pid] = owner
            elif self.mark < mark < self.mark + TAGS_PER_RUN:
                kill(pid)

    def signal(self, child: ContainerProcess, number: int, whole: bool) -> None:
        """Send a signal to the first process of a container or, if ``whole``, to every process of it."""
        if number == signal.SIGKILL:
            child.killed = True
            self.kill(child)
            return
        if not child.wrappers and not whole:
            kill(child.pid, number)
            return
        inner = [child.pid]
        for _ in range(child.wrappers):
            inner = [each for pid in inner for each in children(pid)]
        if not whole:
            targets = inner
        elif child.wrappers:
            targets = inner + [each for pid in (*inner, *child.strays) for each in descendants(pid)]
            targets += child.strays
        else:
            kill_group(child.pid, number)
            targets = [
                pid
                for pid in _below(child)
                if (process := process_info(pid)) is not None and process.group != child.pid
            ]
        for pid in targets:
            kill(pid, number)

    def kill(self, child: ContainerProcess) -> None:
        """Kill every process of a container that can be found now; `sweep` finds the rest."""
        below = _below(child)
        kill_group(child.pid)
        kill_each(below)

    def kill_all(self) -> bool:
        """Kill every process of every container; False if there is none that this user may kill."""
        groups = sum(kill_group(child.pid) for child in (*self.by_pid.values(), *self.ending))
        return kill_each(descendants(os.getpid())) or groups > 0

    def extinct(self) -> bool:
        """Whether no container and no child of this process is left."""
        return not self.by_pid and not self.ending and not children(os.getpid())


def _below(child: ContainerProcess) -> list[int]:
    """All processes of a container but the first."""
    found = descendants(child.pid)
    for pid in child.strays:
        found += [pid, *descendants(pid)]
    return found
