"""Items are delivered in their order, and others are read while the first waits for what the cluster has."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from expander.submit.delivery import Outcome
from expander.submit.request import PreparedRequest

MAX_WAITING: Final = 10_000
"""Items that wait at a time."""

MAX_WAITING_BYTES: Final = 8 << 20
"""Bytes of their objects after which no more are read."""

CHECK_EVERY: Final = 64
"""Items that are added while others wait before the first of those is looked at again."""


class ItemOrder:
    """Delivers items in their order; while one waits, others may be added.

    ``deliver`` gives the outcomes that are known then. ``must_wait`` says whether an item has to wait and
    ``wait`` does, in a thread: items go on also while there is no other to be read, and what is known comes
    with the next call. ``stopped`` says that nothing more is delivered. One thread delivers at a time; the
    one that reads goes first.
    """

    def __init__(
        self,
        deliver: Callable[[PreparedRequest], Iterator[Outcome]],
        must_wait: Callable[[PreparedRequest], bool],
        wait: Callable[[PreparedRequest], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._deliver = deliver
        self._must_wait = must_wait
        self._wait = wait
        self._stopped = stopped
        self._turn = threading.Lock()
        self._reader_is_back = False
        self._waiting: deque[PreparedRequest] = deque()
        self._bytes = 0
        self._known: deque[Outcome] = deque()
        self._has_thread = False
        self._error: BaseException | None = None

    def __len__(self) -> int:
        """How many items wait."""
        return len(self._waiting)

    def add(self, item: PreparedRequest) -> Iterator[Outcome]:
        """Deliver what need not wait, ``item`` last; the outcomes that are known. Raises what that does."""
        return self._go(item)

    def end(self) -> Iterator[Outcome]:
        """`add` without an item: there is none any more, and nothing waits here."""
        return self._go(None)

    def close(self) -> None:
        """Wait until nothing is delivered any more, after it was ``stopped``."""
        with self._turn:
            self._known.clear()

    def _go(self, item: PreparedRequest | None) -> Iterator[Outcome]:
        self._reader_is_back = True
        with self._turn:
            self._reader_is_back = False
            while self._known:
                yield self._known.popleft()
            if self._error is not None:
                raise self._error
            if item is not None:
                self._waiting.append(item)
                self._bytes += item.size
                if self._has_thread and len(self._waiting) % CHECK_EVERY:
                    return
            while self._waiting and not self._stopped():
                if item is not None and not self._is_full() and self._must_wait(self._waiting[0]):
                    if not self._has_thread:
                        self._has_thread = True
                        threading.Thread(target=self._go_on, daemon=True).start()
                    break
                yield from self._first()

    def _is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING or self._bytes >= MAX_WAITING_BYTES

    def _first(self) -> Iterator[Outcome]:
        first = self._waiting.popleft()
        self._bytes -= first.size
        return self._deliver(first)

    def _go_on(self) -> None:
        """Deliver what has waited, unless the thread that reads is there to do it."""
        while (first := self._next_to_wait()) is not None:
            self._wait(first)

    def _next_to_wait(self) -> PreparedRequest | None:
        with self._turn:
            try:
                while self._waiting and not self._stopped() and not self._reader_is_back:
                    if self._must_wait(self._waiting[0]):
                        return self._waiting[0]
                    self._known.extend(self._first())
            except Exception as error:
                self._error = error
            self._has_thread = False
            return None
