"""Turns the executor within an asyncio event loop.

The executor is stepped when its descriptor is readable, when its deadline has come, and soon after somebody
changed something. After each turn everything is durable, and those who watch are woken.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from expander.local.api.server.cluster import Cluster
from expander.local.logs.times import LOOK

log = logging.getLogger(__name__)

REST: Final = 0.002
"""Seconds from a request's change to the turn that acts on it: what comes in together is done together."""


class Driver:
    """Drives ``cluster`` in the running loop from `start` to `stop`. ``clock`` gives Unix seconds."""

    def __init__(self, cluster: Cluster, *, clock: Callable[[], float] = time.time) -> None:
        self._cluster = cluster
        self._clock = clock
        self._timer: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self._news = asyncio.Event()
        self._version = cluster.version

    def start(self) -> None:
        """Begin; called within the loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._cluster.fileno(), self._turn)
        self._plan()
        self._look()

    def stop(self) -> None:
        """End; the cluster can be closed then."""
        self._loop.remove_reader(self._cluster.fileno())
        if self._timer is not None:
            self._timer.cancel()
        self._looks.cancel()
        self._wake()

    def changed(self) -> None:
        """Somebody has changed an object: watchers hear of it now, and a turn follows soon."""
        self._tell()
        self._at(self._clock() + REST)

    async def news(self, after: int, timeout: float) -> bool:
        """Wait until the last resource version is beyond ``after``, at most ``timeout`` seconds."""
        while self._cluster.version <= after:
            try:
                await asyncio.wait_for(self._news.wait(), timeout)
            except TimeoutError:
                return False
            if self._cluster.version <= after:
                return False
        return True

    def _turn(self) -> None:
        self._due = float("inf")
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self._cluster.step(0)
        except Exception:
            log.exception("a turn of the executor failed")
            self._at(self._clock() + 1.0)
            return
        self._tell()
        self._plan()

    def _look(self) -> None:
        self._cluster.look_at_logs()
        self._looks = self._loop.call_later(LOOK, self._look)

    def _plan(self) -> None:
        deadline = self._cluster.deadline()
        if deadline is not None:
            self._at(deadline)

    def _at(self, when: float) -> None:
        """Take a turn at ``when`` (Unix seconds) or before."""
        if when >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_later(max(0.0, when - self._clock()), self._turn)

    def _tell(self) -> None:
        if self._cluster.version != self._version:
            self._version = self._cluster.version
            self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
