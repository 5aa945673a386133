"""What a controller looks at again, no more often than once in `BATCH_SECONDS`: changes come in bursts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from expander.local.timers import Timers

BATCH_SECONDS: Final = 0.1


class BatchedQueue:
    """The keys of what is to be looked at. Times are Unix seconds."""

    def __init__(self) -> None:
        self._ready: dict[str, None] = {}
        self._later: Timers[str] = Timers()
        self._next: dict[str, float] = {}
        """The earliest time at which something is looked at again."""

    @property
    def pending(self) -> bool:
        """Whether there is something to look at now."""
        return bool(self._ready)

    def next(self) -> float | None:
        """When there will be."""
        return self._later.next()

    def add(self, key: str) -> None:
        """Look at it, now or when its time has come."""
        self._ready[key] = None

    def forget(self, key: str) -> None:
        """It is gone."""
        self._ready.pop(key, None)
        self._later.drop(key)
        self._next.pop(key, None)

    def due(self, now: float) -> Iterator[str]:
        """Take what is to be looked at; what is added meanwhile is for the next call."""
        ready, self._ready = self._ready | dict.fromkeys(self._later.due(now)), {}
        for key in ready:
            if (at := self._next.get(key, now)) > now:
                self._later.set(key, at)
            else:
                self._next[key] = now + BATCH_SECONDS
                yield key
