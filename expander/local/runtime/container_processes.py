"""The containers that live, by process: signals go to all of one, and it has ended when all of it is gone."""

from __future__ import annotations

import os
import signal
import time

from expander.local.runtime.log_writer import ContainerLog
from expander.local.runtime.process_tree import (
    TAGS_PER_RUN,
    OwnChildren,
    children,
    descendants,
    kill,
    kill_each,
    kill_group,
    process_info,
    read_tag,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class ExecProcess(Protocol):
        """A command that runs in a container beside its own; it goes with the container."""

        container: ContainerProcess

        def ended(self, status: int) -> None:
            """It has ended, with this wait status."""


EXEC_FAILED = 255
"""The exit code of a container whose command the kernel refuses to run."""


class ContainerProcess:
    """One container: the process that was started for it, and what is known of its end."""

    __slots__ = (
        "abandoned",
        "cgroup",
        "control",
        "finished",
        "key",
        "killed",
        "limited",
        "log",
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
        log: ContainerLog,
    ) -> None:
        self.key, self.pid, self.mark, self.started = key, pid, mark, started
        self.wrappers, self.control, self.limited = wrappers, control, limited
        self.log = log
        self.memory: int | None = None
        self.cgroup: str | None = None
        self.oom = self.lost = self.killed = self.abandoned = False
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
        """``mark`` is the first tag of the run (see `process_tree`); the containers get those after it."""
        self.mark = mark
        self.by_pid: dict[int, ContainerProcess] = {}
        self.by_key: dict[str, ContainerProcess] = {}
        self.limited: list[ContainerProcess] = []
        self.ending: list[ContainerProcess] = []
        self._count = 0
        self._children = OwnChildren()
        self._by_mark: dict[int, ContainerProcess] = {}
        self._owners: dict[int, ContainerProcess] = {}
        """The container of each stray."""
        self.aides: dict[int, tuple[ContainerProcess, int]] = {}
        """Commands of a container engine under way: which container they bring which signal."""
        self.execs: dict[int, ExecProcess] = {}
        """Commands that run in containers, by the process that was started for them."""

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
            if (command := self.execs.pop(pid, None)) is not None:
                command.ended(status)
            owner = self._owners.pop(pid, None)
            if owner is not None:
                owner.strays.discard(pid)
            return
        child.status, child.finished = status, time.time()
        self._by_mark.pop(child.mark, None)
        if child.memory is not None:
            self.limited.remove(child)
        kill_each(child.strays)
        for pid in [pid for pid, command in self.execs.items() if command.container is child]:
            kill_each(descendants(pid))
            kill_group(pid)
        self.ending.append(child)

    def _helped(self, pid: int, status: int) -> None:
        """An aide has ended. If it failed, there is no container (yet): the engine's own process gets it,
        unless that is to end anyhow.
        """
        child, number = self.aides.pop(pid, (None, 0))
        if child is None or (child.killed and number != signal.SIGKILL):
            return
        if status and child.pid in self.by_pid:
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
        for pid in self._children.now():
            if pid in self.by_pid or pid in self._owners or pid in self.aides or pid in self.execs:
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
        return not self.by_pid and not self.ending and not self._children.now()


def _below(child: ContainerProcess) -> list[int]:
    """All processes of a container but the first."""
    found = descendants(child.pid)
    for pid in child.strays:
        found += [pid, *descendants(pid)]
    return found
