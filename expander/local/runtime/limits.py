"""Memory and CPU limits: by cgroup v2 where this user may make cgroups, else by looking often.

Each run has a cgroup, each limited container one below it. It is made beside the cgroup of this process or
further up, since a cgroup that holds processes cannot hand controllers down. A process is moved in right
after its start; what it starts in the microseconds before that stays outside. Without cgroups the memory
that is a process's own (resident, not shared) counts, over all processes of a container: a limit on the
address space would be exact and wrong, for many programs reserve far more than they ever use. CPU is limited
by cgroup or not at all.
"""

from __future__ import annotations

import contextlib
import os
import time

from expander.local.runtime.container_processes import ContainerProcess, ContainerProcesses
from expander.local.runtime.process_tree import descendants

_CPU_PERIOD_MICROSECONDS = 100_000


class Cgroups:
    """The cgroups of one run; ``folder`` is where the containers' are made."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def limit(self, name: str, pid: int, memory: int | None, cpus: float | None) -> str | None:
        """Put ``pid`` into a new cgroup with these limits; its folder, or None if that cannot be done."""
        folder = f"{self.folder}/{name}"
        try:
            os.mkdir(folder)
            if memory is not None:
                _write(folder, "memory.max", str(memory))
                for file, text in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
                    with contextlib.suppress(OSError):
                        _write(folder, file, text)
            if cpus is not None:
                with contextlib.suppress(OSError):
                    _write(
                        folder,
                        "cpu.max",
                        f"{max(1000, int(cpus * _CPU_PERIOD_MICROSECONDS))} {_CPU_PERIOD_MICROSECONDS}",
                    )
            _write(folder, "cgroup.procs", str(pid))
        except OSError:
            remove(folder)
            return None
        return folder

    def close(self) -> None:
        """Remove the cgroup of the run; those of its containers are gone by then."""
        remove(self.folder)


def out_of_memory(folder: str) -> bool:
    """Whether the kernel killed something in this cgroup for going over its limit."""
    try:
        with open(f"{folder}/memory.events") as file:
            counts = dict(line.split() for line in file)
    except (OSError, ValueError):
        return False
    return counts.get("oom_kill", "0") != "0"


def remove(folder: str) -> None:
    """Remove a cgroup that no process is in any more."""
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def create_cgroups(name: str, root: str = "/sys/fs/cgroup", mine: str | None = None) -> Cgroups | None:
    """Make a cgroup ``name`` in the nearest place that can limit memory; None if there is none.

    ``mine`` is the cgroup of this process, as in /proc/self/cgroup.
    """
    if mine is None:
        mine = _own()
    if mine is None or not os.path.exists(f"{root}/cgroup.controllers"):
        return None
    above = mine.rstrip("/")
    while above:
        above = above.rpartition("/")[0]
        folder = f"{root}{above}/{name}"
        if not _hands_down(f"{root}{above}", "memory"):
            continue
        try:
            os.mkdir(folder)
        except OSError:
            continue
        with contextlib.suppress(OSError):
            _write(folder, "cgroup.subtree_control", "+memory")
            with contextlib.suppress(OSError):
                _write(folder, "cgroup.subtree_control", "+cpu")
            return Cgroups(folder)
        remove(folder)
    return None


def _own() -> str | None:
    with contextlib.suppress(OSError), open("/proc/self/cgroup") as file:
        for line in file:
            if line.startswith("0::"):
                return line[3:].strip()
    return None


def _hands_down(folder: str, controller: str) -> bool:
    with contextlib.suppress(OSError), open(f"{folder}/cgroup.subtree_control") as file:
        return controller in file.read().split()
    return False


def _write(folder: str, file: str, text: str) -> None:
    with open(f"{folder}/{file}", "w") as target:
        target.write(text)


MEMORY_CHECK_SECONDS = 0.05
"""Seconds between two looks: a program that takes memory as fast as it can gains some 100 MB in that time."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Limits:
    """The limits of the containers of one run."""

    def __init__(self) -> None:
        self._cgroups: Cgroups | None = None
        self._looked = False
        self._next = 0.0

    def apply(self, child: ContainerProcess, memory: int | None, cpus: float | None) -> None:
        """Limit a container that was just started: bytes, and cores."""
        if not self._looked:
            self._looked = True
            self._cgroups = create_cgroups(f"expander-{os.getpid()}")
        if self._cgroups is not None:
            child.cgroup = self._cgroups.limit(str(child.pid), child.pid, memory, cpus)
        child.memory = memory if child.cgroup is None else None

    def watch(self, family: ContainerProcesses) -> None:
        """Kill those who are over their limit, if it is time to look again."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + MEMORY_CHECK_SECONDS
        for child in family.limited:
            if not child.oom and tree_memory(child.pid) > (child.memory or 0):
                child.oom = True
                family.kill(child)

    def release(self, child: ContainerProcess) -> None:
        """A container has ended: see whether its limit was why."""
        if child.cgroup is not None:
            child.oom = child.oom or out_of_memory(child.cgroup)
            remove(child.cgroup)

    def close(self) -> None:
        """All containers have ended."""
        if self._cgroups is not None:
            self._cgroups.close()


def own_memory(pid: int) -> int:
    """Bytes of memory that belong to ``pid`` alone; 0 if it is gone or the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            fields = file.read().split()
    except OSError:
        return 0
    return (int(fields[1]) - int(fields[2])) * _PAGE


def tree_memory(pid: int) -> int:
    """Bytes of memory of ``pid`` and all that it started."""
    return own_memory(pid) + sum(map(own_memory, descendants(pid)))
