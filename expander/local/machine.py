"""The CPU and memory of this machine that this process may use, by its affinity and its cgroups."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path("/sys/fs/cgroup")
OWN: Final = Path("/proc/self/cgroup")


def available_cpus(root: Path = ROOT, own: Path = OWN) -> float:
    """Cores, at least a hundredth; a quota of a cgroup may leave a part of one."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = float(len(affinity(0)) if affinity is not None else os.cpu_count() or 1)
    for folder in _cgroups(root, own, "cpu"):
        quota, period = _words(folder / "cpu.max", "max 1")  # version 2
        if quota == "max":
            (quota,) = _words(folder / "cpu.cfs_quota_us", "-1")
            (period,) = _words(folder / "cpu.cfs_period_us", "1")
        if int(quota) > 0:
            cores = min(cores, int(quota) / int(period))
    return max(0.01, cores)


def available_memory(root: Path = ROOT, own: Path = OWN) -> int:
    """Bytes."""
    found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for folder in _cgroups(root, own, "memory"):
        for file in ("memory.max", "memory.limit_in_bytes"):
            (limit,) = _words(folder / file, "max")
            if limit != "max":
                found = min(found, int(limit))
    return found


def _cgroups(root: Path, own: Path, controller: str) -> Iterator[Path]:
    """The folders of the cgroups of this process that may limit it, of version 2 and of version 1."""
    lines = []
    with suppress(OSError):
        lines = own.read_text().splitlines()
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", controller) or controller in controllers.split(","):
            folder = root / controllers
            inner = folder / path.lstrip("/")
            yield from (each for each in (inner, *inner.parents) if each.is_relative_to(folder))


def _words(file: Path, otherwise: str) -> list[str]:
    """The words of a file of one line; those of ``otherwise`` when it is not there."""
    with suppress(OSError):
        return file.read_text().split() or otherwise.split()
    return otherwise.split()
