"""A number that each process of a container carries from its birth, whatever it does to get away.

A process can leave its group, its session and its parent, close its files and change its environment. What
it keeps, and hands on to all it starts, is its resource limits. One of them is without effect on ordinary
processes when it is large: how many microseconds a real-time process may run without pause. Its exact
value is the number: centuries, and which container. Linux only; elsewhere no process carries one.
"""

from __future__ import annotations

import os
import resource

SPAN = 1 << 24
"""How many numbers a run has; a container started so many containers later gets the same one again."""

_KIND: int | None = getattr(resource, "RLIMIT_RTTIME", None)
_LINE = b"Max realtime timeout"


def new_run() -> int:
    """The first number of a run; no other run's are near it."""
    return (1 << 62) + int.from_bytes(os.urandom(4), "little") * SPAN


def put_on(mark: int) -> None:
    """Have the processes that this one starts from now on carry ``mark``."""
    if _KIND is not None:
        hard = resource.getrlimit(_KIND)[1]
        if hard == resource.RLIM_INFINITY:
            resource.setrlimit(_KIND, (mark, hard))


def read(pid: int) -> int:
    """The number ``pid`` carries; 0 if it has none, or is gone."""
    try:
        with open(f"/proc/{pid}/limits", "rb") as file:
            text = file.read()
    except OSError:
        return 0
    at = text.find(_LINE)
    soft = text[at + len(_LINE) :].split(None, 1)[0] if at >= 0 else b""
    return int(soft) if soft.isdigit() else 0
