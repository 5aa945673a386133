"""Memory limits where the system has no cgroup to give: look often, and kill who is over.

What counts is the memory that is a process's own (resident, not shared) over all processes of a container.
A limit on the address space would be exact and wrong: many programs reserve far more than they ever use.
"""

from __future__ import annotations

import os

from expander.local.runtime.families import descendants

INTERVAL = 0.05
"""Seconds between two looks: a program that takes memory as fast as it can gains some 100 MB in that time."""

_PAGE = os.sysconf("SC_PAGE_SIZE")


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
