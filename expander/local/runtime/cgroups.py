"""Memory and CPU limits by cgroup v2, where this user may make cgroups with a memory controller.

Each run has a cgroup, each limited container one below it. It is made beside the cgroup of this process or
further up, since a cgroup that holds processes cannot hand controllers down. A process is moved
in right after its start; what it starts in the microseconds before that stays outside.
"""

from __future__ import annotations

import contextlib
import os

_PERIOD = 100_000


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
                    _write(folder, "cpu.max", f"{max(1000, int(cpus * _PERIOD))} {_PERIOD}")
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


def find(name: str, root: str = "/sys/fs/cgroup", mine: str | None = None) -> Cgroups | None:
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
