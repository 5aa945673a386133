"""Read from many openers in parallel, bounding how many and how much of each is buffered.

Readers are daemon threads, so that a silent log cannot hold up Ctrl-C. When nobody takes a reader's chunks it
waits, and so does the sender.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Final, Generic, TypeAlias, TypeVar

from expander.base.errors import ExpanderError

MAX_HELD_CHUNKS: Final = 4
"""Chunks buffered per source."""

MAX_AHEAD: Final = 8
"""How many times the sources that are read at once may be begun in order, so that one that waits for a busy
server does not hold up the others."""

POLL_SECONDS: Final = 0.5
"""Seconds after which a waiting reader checks whether it is still needed."""

T = TypeVar("T")
Opener: TypeAlias = Callable[[], Iterable[T]]
"""Opens a source and yields its pieces, none of them None; called in a reader's thread."""

Chunk: TypeAlias = "T | BaseException | None"
"""A piece, the error after which the rest cannot be read, or None at the end."""


class ReaderClosed(Exception):
    """The consumer is gone."""


class ParallelReader(Generic[T]):
    """Reads up to ``limit`` sources at once; a context manager, on whose exit the readers end."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._closed = threading.Event()
        self._lock = threading.Condition()
        self._waiting: deque[tuple[Opener[T], Queue[Chunk[T]]]] = deque()
        self._threads = 0
        self._busy = 0

    def __enter__(self) -> ParallelReader[T]:
        return self

    def __exit__(self, *_: object) -> None:
        self._closed.set()
        with self._lock:
            self._lock.notify_all()

    @property
    def waiting(self) -> int:
        """Sources waiting to be read."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether every source has been read to its end."""
        with self._lock:
            return not self._busy and not self._waiting

    def begin(self, opener: Opener[T], queue: Queue[Chunk[T]]) -> None:
        """Read ``opener`` into ``queue`` as soon as a reader is free."""
        with self._lock:
            self._waiting.append((opener, queue))
            if self._threads - self._busy < len(self._waiting) and self._threads < self.limit:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._lock.notify()

    def in_order(self, openers: Iterable[Opener[T]]) -> Iterator[T | ExpanderError]:
        """All pieces, source by source, errors included; the following sources are read ahead."""
        ahead: deque[Queue[Chunk[T]]] = deque()
        for opener in openers:
            queue: Queue[Chunk[T]] = Queue(MAX_HELD_CHUNKS)
            self.begin(opener, queue)
            ahead.append(queue)
            if len(ahead) >= self.limit * MAX_AHEAD:
                yield from _drain(ahead.popleft())
        while ahead:
            yield from _drain(ahead.popleft())

    def _work(self) -> None:
        while True:
            with self._lock:
                while not self._waiting:
                    if self._closed.is_set():
                        return
                    self._lock.wait(POLL_SECONDS)
                opener, queue = self._waiting.popleft()
                self._busy += 1
            try:
                self._read(opener, queue)
            except ReaderClosed:
                return
            finally:
                with self._lock:
                    self._busy -= 1

    def _read(self, opener: Opener[T], queue: Queue[Chunk[T]]) -> None:
        try:
            for piece in opener():
                self._put(queue, piece)
        except ReaderClosed:
            raise
        except BaseException as error:  # raised by the consumer
            self._put(queue, error)
        self._put(queue, None)

    def _put(self, queue: Queue[Chunk[T]], chunk: Chunk[T]) -> None:
        while not self._closed.is_set():
            try:
                return queue.put(chunk, timeout=POLL_SECONDS)
            except Full:
                continue
        raise ReaderClosed


def next_chunk(queue: Queue[Chunk[T]], seconds: float) -> T | ExpanderError | None:
    """The next piece; None at the end, or when nothing came for so many seconds."""
    try:
        chunk = queue.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(chunk, BaseException) and not isinstance(chunk, ExpanderError):
        raise chunk
    return chunk


def _drain(queue: Queue[Chunk[T]]) -> Iterator[T | ExpanderError]:
    while (chunk := queue.get()) is not None:
        if isinstance(chunk, BaseException) and not isinstance(chunk, ExpanderError):
            raise chunk
        yield chunk
