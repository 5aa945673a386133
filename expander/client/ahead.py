"""Calls that are made ahead of the time when their result is needed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Generic, TypeVar

Result = TypeVar("Result")


class Ahead(Generic[Result]):
    """A call that is made in a thread of its own, from now on; `result` waits for it."""

    def __init__(self, call: Callable[[], Result]) -> None:
        self._call = call
        self._found: list[Result] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Whether the call has ended, or does within ``seconds``."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def result(self) -> Result:
        """What the call gives, once; raises what it raises."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._found.pop()

    def _run(self) -> None:
        try:
            self._found.append(self._call())
        except Exception as error:
            self._error = error


def begun(found: Iterable[Result]) -> Iterator[Result]:
    """``found``, whose first is asked for from now on, in a thread of its own."""
    rest = iter(found)
    first = Ahead(lambda: [*islice(rest, 1)])

    def whole() -> Iterator[Result]:
        yield from first.result()
        yield from rest

    return whole()
