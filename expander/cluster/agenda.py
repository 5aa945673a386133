"""Which item goes next: those that are ready, and those that wait for their time."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count

from expander.cluster.task import Task


class Agenda:
    """Tasks in the order they may be sent; a retry that is due goes before what was never tried."""

    def __init__(self) -> None:
        self._urgent: deque[Task] = deque()
        self._ready: deque[Task] = deque()
        self._waiting: list[tuple[float, int, Task]] = []
        self._number = count()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ready) + len(self._waiting)

    @property
    def waiting(self) -> int:
        """Tasks that wait for their time."""
        return len(self._waiting)

    def add(self, task: Task) -> None:
        """A task that was never tried."""
        self._ready.append(task)

    def next(self, task: Task) -> None:
        """A task that goes on at once."""
        self._urgent.append(task)

    def later(self, task: Task, at: float) -> None:
        """A task that is tried again at ``at``."""
        heapq.heappush(self._waiting, (at, next(self._number), task))

    def take(self, now: float, begun_only: bool = False) -> Task | None:
        """The next task whose time has come; with ``begun_only`` none that was never tried."""
        while self._waiting and self._waiting[0][0] <= now:
            self._urgent.append(heapq.heappop(self._waiting)[2])
        if self._urgent:
            return self._urgent.popleft()
        return self._ready.popleft() if self._ready and not begun_only else None

    def due(self, now: float) -> float | None:
        """Seconds until the first waiting task may go; None when none waits."""
        return max(0.0, self._waiting[0][0] - now) if self._waiting else None
