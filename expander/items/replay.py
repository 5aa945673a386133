"""A source that is read many times."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from expander.items.item import Item
from expander.items.source import Source

KEPT = 10_000
"""So many items of a source are kept for the next reading; a longer source is opened again."""


class Replay:
    """The items of ``source`` as often as they are asked for.

    A short source is kept in memory after the first complete reading. A longer one is read again,
    unless it can be read only once: then all its items are kept.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: list[Item] | None = None

    def __iter__(self) -> Generator[Item, None, None]:
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[Item] | None = []
        with closing(self._source.read()) as items:
            for item in items:
                if kept is not None:
                    kept.append(item)
                    if len(kept) > KEPT and self._source.rereadable:
                        kept = None
                yield item
        self._kept = kept
