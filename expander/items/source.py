"""The source: something that can be read as a stream of items, once or many times."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from expander.items.item import Item, Value

BARE = "item"
"""The column that a bare ``$ITEM`` means when items have named columns."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of items, and what can be known about it without reading it.

    ``label`` is what messages call it; ``read`` starts a new reading and yields items numbered from
    1; ``rereadable`` is False for what can be read once (stdin, a FIFO); ``uniform`` is True when
    all items are known to have the same columns (or none); ``count`` is the number of items where
    it costs nothing to know.
    """

    label: str
    read: Callable[[], Generator[Item, None, None]]
    rereadable: bool = True
    uniform: bool = False
    count: int | None = None


def named(source: Source, name: str) -> Source:
    """The source of ``NAME=SOURCE``: its items have columns that start with ``name``.

    A plain value becomes the column ``name``. Of named columns, ``item`` becomes ``name`` and any
    other column becomes ``name_column``, so that two files with the same header can be combined.
    """

    def read() -> Generator[Item, None, None]:
        with closing(source.read()) as items:
            for item in items:
                columns = item.columns
                renamed = {name: item.value} if columns is None else _renamed(columns, name)
                yield Item(renamed, item.number, item.source, item.line)  # type: ignore[arg-type]

    return replace(source, read=read)


def _renamed(columns: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {name if column == BARE else f"{name}_{column}": value for column, value in columns.items()}


def columns_of(item: Item) -> Mapping[str, Value]:
    """The named columns of ``item``; a plain value counts as the column ``item``."""
    return {BARE: item.value} if item.columns is None else item.columns  # type: ignore[dict-item]
