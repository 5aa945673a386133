"""Work on several processor cores, with the results in order."""

from __future__ import annotations

import multiprocessing
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import chain
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

AHEAD = 4
"""Tasks in flight for each worker: enough to keep it busy, few enough to hold little in memory."""


def in_order(
    work: Callable[[Task], Result], first: Sequence[Task], more: Iterable[Task], workers: int
) -> Iterator[Result]:
    """``work`` of each task in ``workers`` processes, in the order of the tasks.

    Tasks are taken only as fast as results are. An exception of a task is raised in its place.
    """
    context = multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(workers, context, initializer=_quiet)
    try:
        waiting: deque[Future[Result]] = deque()
        for task in chain(first, more):
            waiting.append(pool.submit(work, task))
            if len(waiting) >= workers * AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _quiet() -> None:
    """Ctrl-C is for the process that gave the work; it ends its workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
