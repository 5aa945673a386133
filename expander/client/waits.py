"""What a command waits for: requests without an answer, and those that are tried again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from expander.base.named_tuple import NamedTuple


class Wait(NamedTuple):
    """A request that waits since ``since`` (`time.monotonic`); ``why`` it is tried again, empty at first."""

    since: float
    why: str


class Waits:
    """The requests to one server that are under way; safe for threads."""

    def __init__(self) -> None:
        self._found: dict[object, Wait] = {}

    @contextmanager
    def begin(self, why: str = "") -> Iterator[object]:
        """A request begins, and ends with the block; gives what `retry` asks for."""
        key = self.add(why)
        try:
            yield key
        finally:
            self.remove(key)

    def add(self, why: str = "") -> object:
        """A request begins, and ends when what this gives is removed."""
        key = object()
        self._found[key] = Wait(time.monotonic(), why)
        return key

    def remove(self, key: object) -> None:
        """A request has ended."""
        del self._found[key]

    def retry(self, key: object, why: str) -> None:
        """The request is tried again, since ``why``."""
        self._found[key] = Wait(self._found[key].since, why)

    def longest(self, seconds: float) -> Wait | None:
        """The request that waits longest, if that is at least so many seconds."""
        oldest = min(list(self._found.values()), default=None)
        return None if oldest is None or time.monotonic() - oldest.since < seconds else oldest


PLUGINS: Final = Waits()
"""The plugins for credentials that run in this process, each with words for people."""
