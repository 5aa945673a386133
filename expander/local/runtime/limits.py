"""Memory and CPU limits: by cgroup where the system gives one, else by looking often and killing who is over.

What is looked at is the memory that is a process's own (resident, not shared) over all processes of a
container. A limit on the address space would be exact and wrong: many programs reserve far more than they
ever use. CPU is limited by cgroup or not at all.
"""

from __future__ import annotations

import os
import time

from expander.local.runtime.cgroups import Cgroups, find, out_of_memory, remove
from expander.local.runtime.children import Child, Family
from expander.local.runtime.families import descendants

INTERVAL = 0.05
"""Seconds between two looks: a program that takes memory as fast as it can gains some 100 MB in that time."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Limits:
    """The limits of the containers of one run."""

    def __init__(self) -> None:
        self._cgroups: Cgroups | None = None
        self._looked = False
        self._next = 0.0

    def apply(self, child: Child, memory: int | None, cpus: float | None) -> None:
        """Limit a container that was just started: bytes, and cores."""
        if not self._looked:
            self._looked = True
            self._cgroups = find(f"expander-{os.getpid()}")
        if self._cgroups is not None:
            child.cgroup = self._cgroups.limit(str(child.pid), child.pid, memory, cpus)
        child.memory = memory if child.cgroup is None else None

    def watch(self, family: Family) -> None:
        """Kill those who are over their limit, if it is time to look again."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        for child in family.limited:
            if not child.oom and family_memory(child.pid) > (child.memory or 0):
                child.oom = True
                family.kill(child)

    def release(self, child: Child) -> None:
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


def family_memory(pid: int) -> int:
    """Bytes of memory of ``pid`` and all that it started."""
    return own_memory(pid) + sum(map(own_memory, descendants(pid)))
