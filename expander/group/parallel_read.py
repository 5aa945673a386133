"""Read from many places in parallel, bounding how many and how much of each is buffered.

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

MAX_HELD_CHUNKS: Final = 16
"""Pieces that are held of one place."""

POLL_SECONDS: Final = 0.5
"""Seconds after which a reader that waits looks whether it is still wanted."""

T = TypeVar("T")
Opener: TypeAlias = Callable[[], Iterable[T]]
"""Gives what is to be read, piece by piece, none of them None; it is called in a reader's thread."""

Chunk: TypeAlias = "T | BaseException | None"
"""A piece, why the rest of a place cannot be read, or None at the end of a place."""


class ReaderClosed(Exception):
    """Nobody takes pieces any more."""


class ParallelReader(Generic[T]):
    """Up to ``limit`` places are read at a time; a context manager, after which the readers end."""

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
        """Places that wait for their turn."""
        return len(self._waiting)

    @property
    def idle(self) -> bool:
        """Whether every place that was begun has been read to its end."""
        with self._lock:
            return not self._busy and not self._waiting

    def begin(self, place: Opener[T], queue: Queue[Chunk[T]]) -> None:
        """Read ``place`` into ``queue`` when a reader is free."""
        with self._lock:
            self._waiting.append((place, queue))
            if self._threads - self._busy < len(self._waiting) and self._threads < self.limit:
                self._threads += 1
                threading.Thread(target=self._work, daemon=True).start()
            self._lock.notify()

    def in_order(self, places: Iterable[Opener[T]]) -> Iterator[T | ExpanderError]:
        """All pieces, place after place, and errors in their place; those that follow are read ahead."""
        ahead: deque[Queue[Chunk[T]]] = deque()
        for place in places:
            queue: Queue[Chunk[T]] = Queue(MAX_HELD_CHUNKS)
            self.begin(place, queue)
            ahead.append(queue)
            if len(ahead) >= self.limit:
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
                place, queue = self._waiting.popleft()
                self._busy += 1
            try:
                self._read(place, queue)
            except ReaderClosed:
                return
            finally:
                with self._lock:
                    self._busy -= 1

    def _read(self, place: Opener[T], queue: Queue[Chunk[T]]) -> None:
        try:
            for piece in place():
                self._put(queue, piece)
        except ReaderClosed:
            raise
        except BaseException as error:  # whoever takes the pieces raises it
            self._put(queue, error)
        self._put(queue, None)

    def _put(self, queue: Queue[Chunk[T]], said: Chunk[T]) -> None:
        while not self._closed.is_set():
            try:
                return queue.put(said, timeout=POLL_SECONDS)
            except Full:
                continue
        raise ReaderClosed


def next_chunk(queue: Queue[Chunk[T]], seconds: float) -> T | ExpanderError | None:
    """The next piece; None when a place has ended, or there was nothing for so many seconds."""
    try:
        said = queue.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(said, BaseException) and not isinstance(said, ExpanderError):
        raise said
    return said


def _drain(queue: Queue[Chunk[T]]) -> Iterator[T | ExpanderError]:
    while (said := queue.get()) is not None:
        if isinstance(said, BaseException) and not isinstance(said, ExpanderError):
            raise said
        yield said
