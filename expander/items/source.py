"""The source: a stream of items that can be read once or many times."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, ItemError, Problem
from expander.items.block import ItemBlock, ItemBlocks, ItemStream
from expander.items.item import Item, Scalar, Value, is_text, why_invalid

PYTHON = "<python>"

T = TypeVar("T")


def checked_value(item: Item, expected: str) -> Item:
    """``item``, unless its value is none that an item can have: InputError that names it and ``expected``."""
    wrong = "a list" if isinstance(item.value, list) else why_invalid(item.value)
    if wrong:
        is_row = isinstance(item.value, (list, tuple))
        raise InputError(
            f"found {wrong}; expected {expected}",
            item=f"item {item.number} ({item.where})",
            hint="a mapping, data class or named tuple names the columns of a row" if is_row else None,
        )
    return item


PLAIN_COLUMN = "item"
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
    read: Callable[[], ItemStream]
    rereadable: bool = True
    uniform: bool = False
    count: int | None = None


def prefixed(source: Source, name: str) -> Source:
    """The source of ``NAME=SOURCE``: its items have columns that start with ``name``.

    A plain value becomes the column ``name``. Of named columns, ``item`` becomes ``name`` and any
    other column becomes ``name_column``, so that two files with the same header can be combined.
    """

    def read() -> Generator[Item, None, None]:
        with closing(source.read()) as items:
            for item in items:
                columns = item.columns
                renamed = {name: item.value} if columns is None else _renamed(columns, name)
                yield Item(renamed, item.number, item.source, item.line, item.problem)  # type: ignore[arg-type]

    return replace(source, read=read)


def watched(source: Source, on_empty: Callable[[str], None]) -> Source:
    """The same source; ``on_empty`` gets its label when a reading ends without an item."""

    def read() -> ItemStream:
        stream = source.read()
        if isinstance(stream, ItemBlocks):
            return ItemBlocks(_watched(stream.blocks, source.label, on_empty))
        return _watched(stream, source.label, on_empty)

    return replace(source, read=read)


def _watched(stream: Iterator[T], label: str, on_empty: Callable[[str], None]) -> Generator[T, None, None]:
    is_empty = True
    for first in stream:
        is_empty = False
        yield first
        yield from stream
    if is_empty:
        on_empty(label)


def _renamed(columns: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {
        name if column == PLAIN_COLUMN else f"{name}_{column}": value for column, value in columns.items()
    }


def columns_of(item: Item) -> Mapping[str, Value]:
    """The named columns of ``item``; a plain value counts as the column ``item``."""
    return {PLAIN_COLUMN: item.value} if item.columns is None else item.columns  # type: ignore[dict-item]


def usable(items: Iterable[Item], refuse: Callable[[ItemError], None]) -> Iterator[Item]:
    """The items without those that have a problem; ``refuse`` gets each problem once, however combined."""
    told: set[Problem] = set()
    for item in items:
        if item.problem is None:
            yield item
        elif item.problem not in told:
            told.add(item.problem)
            refuse(ItemError(item.problem, number=item.number))


ARGUMENTS = "<arguments>"


def arguments(values: Sequence[str], label: str = ARGUMENTS) -> Source:
    """Literal values: ``1-3`` and ``*.png`` stand for themselves here.

    Reading raises InputError for a value whose bytes are not UTF-8 (a lone surrogate in Python).
    """

    def read() -> Generator[Item, None, None]:
        for number, value in enumerate(values, 1):
            yield checked_text(Item(value, number, label), value)

    return Source(label, read, uniform=True, count=len(values))


def plain_values(values: Sequence[Scalar], label: str) -> Source:
    """The source of values that are usable as they are."""

    def read() -> ItemBlocks:
        return ItemBlocks(iter([ItemBlock(values, 1, label)]))

    return Source(label, read, uniform=True, count=len(values))


def checked_text(item: Item, text: str) -> Item:
    """``item``, unless its ``text`` came from bytes that are not UTF-8: InputError that names it."""
    if not is_text(text):
        raise InputError(
            "found bytes that are not UTF-8, expected text",
            item=str(item),
            hint="a manifest holds text only; pass other bytes encoded, for example in base64",
        )
    return item


MAX_KEPT_ITEMS = 10_000
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
                    if len(kept) > MAX_KEPT_ITEMS and self._source.rereadable:
                        kept = None
                yield item
        self._kept = kept
