"""The work queue for programs in Python: a worker in ten lines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from expander.base.errors import ItemError
from expander.items.python import from_python
from expander.items.source import usable
from expander.queues.open import open_queue
from expander.queues.queue import WORKER_TIMEOUT_SECONDS, BrokerTimeout, Fate, Filled, Lease, Message

DEFAULT_MAX_ATTEMPTS = 6
"""Attempts an item has when nothing else is said, as many as a Job's pod with ``backoffLimit: 5``."""

_POLL_SECONDS = (0.02, 0.5)


class WorkQueue:
    """The queue ``name`` of the broker at ``url`` (``redis://``, ``amqp://``), for one worker or to fill it.

    ``seconds`` is how long a lease holds unless it is renewed, ``attempts`` how often an item is handed out
    before it is given up (None: as often as it takes). Items are handed out at least once: a worker that is
    slower than its lease, or dies after the work and before `complete`, has it done again. Every method
    raises BrokerError when the broker cannot be used.

        with WorkQueue("redis://redis", "job2") as queue:
            while not queue.empty():
                lease = queue.lease(timeout=2)
                if lease is not None:
                    work_on(lease.item)
                    queue.complete(lease)
    """

    def __init__(
        self, url: str, name: str, *, seconds: float = 60, attempts: int | None = DEFAULT_MAX_ATTEMPTS
    ) -> None:
        self._queue = open_queue(url, name, BrokerTimeout(WORKER_TIMEOUT_SECONDS))
        self._seconds = seconds
        self._attempts = attempts

    def fill(self, items: Iterable[Any], *, group: str = "", again: bool = False) -> Filled:
        """Put in items, as ``expander queue fill`` does: those that no fill of ``group`` put in before.

        ``items`` are as for `expander.expand`: values, mappings of columns, rows of a data frame, or a path.
        With ``again`` all are put in. Gives how many were ``added``, and ``skipped`` as already there. Raises
        ItemError for an item that cannot be one.
        """

        def refuse(error: ItemError) -> None:
            raise error

        stream = (Message.of(item.value) for item in usable(from_python(items), refuse))
        return self._queue.fill(stream, group, again)

    def lease(self, timeout: float = 0) -> Lease | None:
        """The next item; None when none came in ``timeout`` seconds."""
        until = time.monotonic() + timeout
        pause, most = _POLL_SECONDS
        while True:
            found = self._queue.take(self._seconds, self._attempts)
            if found is not None or time.monotonic() >= until:
                return found
            time.sleep(max(0.0, min(pause, until - time.monotonic())))
            pause = min(pause * 2, most)

    def renew(self, lease: Lease) -> None:
        """Keep an item for another ``seconds``. Raises LeaseLost when it is another worker's by now.

        With RabbitMQ it must be called every minute, as it also shows the broker that this worker is alive.
        """
        self._queue.keep(lease)

    def complete(self, lease: Lease) -> bool:
        """The item is done. False when it had gone to another worker: it is counted as a duplicate."""
        return self._queue.complete(lease)

    def fail(self, lease: Lease, reason: str) -> Fate:
        """The item could not be done: it is requeued, or given up after the last attempt."""
        return self._queue.fail(lease, reason, self._attempts)

    def release(self, lease: Lease) -> None:
        """Give the item back; this was no attempt."""
        self._queue.release(lease)

    def empty(self) -> bool:
        """Whether nothing waits and nothing is in the hands of a worker.

        RabbitMQ knows the second only of what was put in by `expander queue fill`; otherwise a queue in which
        nothing waits counts as empty.
        """
        return self._queue.empty() is not False

    def close(self) -> None:
        """Let go of the connection. An item that is still leased goes to another worker."""
        self._queue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
