"""Workers: take an item, run its command, say how it went."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from expander.queues.faults import BrokerError
from expander.queues.feeding import Feeding
from expander.queues.queue import Lease, Queue
from expander.queues.running import End, run
from expander.queues.signals import Signals

EMPTY = 3
"""Exit code of `consume` when there is no item."""

UNKNOWN_PATIENCE = 10.0
"""Seconds for which nothing must have come when the broker cannot say whether the queue is empty."""

_PAUSES = (0.02, 0.5)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a worker holds to.

    ``lease`` is in seconds; ``attempts`` are how many an item has before it is given up, None for as many as
    it takes. When the queue has been empty for ``timeout`` seconds the worker ends, None: it never does; with
    ``strict`` it waits no longer than that for an item, even when others have some that may come back.
    """

    lease: float
    attempts: int | None
    timeout: float | None
    strict: bool = False


class Worker:
    """Works on ``queue``. ``tell`` gets a line for each item that did not go well."""

    def __init__(
        self, queue: Queue, feeding: Feeding, terms: Terms, signals: Signals, tell: Callable[[str], None]
    ) -> None:
        self._queue = queue
        self._feeding = feeding
        self._terms = terms
        self._signals = signals
        self._tell = tell
        self.counts: Counter[str] = Counter()
        """Items by what became of them: done, duplicates, again, failed, lost, returned."""

    def one(self) -> int:
        """Work on one item. The exit code of its command; `EMPTY` when there was none.

        1 when the command went well but the item was another worker's by then.
        """
        lease = self._next()
        if lease is None:
            return self._stopped or EMPTY
        return self._work(lease)

    def all(self) -> int:
        """Work until the queue is empty. 0, or 128 and the number of the signal that ended it."""
        while (lease := self._next()) is not None:
            self._work(lease)
            if self._stopped:
                break
        return self._stopped

    @property
    def _stopped(self) -> int:
        return 128 + self._signals.received[0] if self._signals.received else 0

    def _next(self) -> Lease | None:
        """The next item, None when the queue is empty for as long as was asked for, or a signal came."""
        try:
            return self._await()
        except BrokerError:
            if self._stopped:
                return None
            raise

    def _await(self) -> Lease | None:
        least, most = _PAUSES
        pause = least
        began = time.monotonic()
        since: float | None = None
        while not self._stopped:
            lease = self._queue.take(self._terms.lease, self._terms.attempts)
            if lease is not None:
                return lease
            now = time.monotonic()
            empty = self._queue.empty()
            if self._terms.strict:
                since = began
            elif empty is False:
                since = None
            elif since is None:
                since = now
            if since is not None and self._over(now - since, known=empty is True):
                return None
            self._signals.wait(pause)
            pause = min(pause * 2, most)
        return None

    def _over(self, seconds: float, *, known: bool) -> bool:
        timeout = self._terms.timeout
        if timeout is None:
            return False
        return seconds >= (timeout if known or self._terms.strict else max(timeout, UNKNOWN_PATIENCE))

    def _work(self, lease: Lease) -> int:
        try:
            call = self._feeding.call(lease, os.environ)
            end = run(call, self._signals, lambda: self._queue.keep(lease), lease.seconds)
        except (OSError, ValueError) as error:
            end = End(126, str(error))
        if end.lost:
            self._note("lost", lease, "the lease was lost, another worker has it or will")
            return 1
        if end.code == 0:
            if self._queue.complete(lease):
                self.counts["done"] += 1
                return 0
            self._note("duplicates", lease, "done, but it had gone to another worker: a duplicate")
            return 1
        if self._stopped:
            self._queue.release(lease)
            self._note("returned", lease, f"{end.words} after a signal: the item is back in the queue")
            return end.code
        fate = self._queue.fail(lease, end.words, self._terms.attempts)
        ends = {"again": "handed out again", "failed": "given up", "lost": "another worker has it or will"}
        self._note(fate, lease, f"{end.words} in attempt {lease.attempt}: {ends[fate]}")
        return end.code

    def _note(self, count: str, lease: Lease, words: str) -> None:
        self.counts[count] += 1
        text = lease.message.text
        self._tell(f"{text if len(text) <= 60 else text[:57] + '...'}: {words}")
