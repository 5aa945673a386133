"""Things to do at a time: the earliest first, each once."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Timers(Generic[T]):
    """When to do what; a thing set again at an earlier time is done then, and only then."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, T]] = []
        self._times: dict[T, float] = {}
        self._count = 0

    def set(self, what: T, at: float) -> None:
        """Do ``what`` at ``at`` (Unix seconds), or earlier if that was asked for before."""
        known = self._times.get(what)
        if known is None or at < known:
            self._times[what] = at
            self._count += 1
            heapq.heappush(self._heap, (at, self._count, what))

    def drop(self, what: T) -> None:
        """Do not do it."""
        self._times.pop(what, None)

    def due(self, now: float) -> Iterator[T]:
        """Take what is to be done by ``now``."""
        while (at := self.next()) is not None and at <= now:
            _, _, what = heapq.heappop(self._heap)
            del self._times[what]
            yield what

    def next(self) -> float | None:
        """When the next thing is to be done, or None."""
        while self._heap and self._times.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
