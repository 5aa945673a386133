"""Many plain values in a row as one block of items, and streams of blocks."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TypeAlias, overload

from expander.items.item import Item, Scalar


class ItemBlock(Sequence[Item]):
    """Items that are plain values, numbered one after the other; each is made when asked for.

    ``values`` are usable as they are; ``lines`` has the line of each, or is None where they have none.
    """

    __slots__ = ("lines", "number", "source", "values")

    def __init__(
        self, values: Sequence[Scalar], number: int, source: str, lines: Sequence[int] | None = None
    ) -> None:
        self.values = values
        self.number = number
        self.source = source
        self.lines = lines

    @property
    def numbers(self) -> range:
        """The numbers of the items."""
        return range(self.number, self.number + len(self.values))

    @property
    def places(self) -> range:
        """Their positions in the batch, from 0."""
        return range(self.number - 1, self.number - 1 + len(self.values))

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> ItemBlock: ...
    def __getitem__(self, at: int | slice) -> Item | ItemBlock:
        lines = None if self.lines is None else self.lines[at]
        if isinstance(at, slice):
            return ItemBlock(self.values[at], self.numbers[at].start, self.source, lines)  # type: ignore[arg-type]
        return Item(self.values[at], self.numbers[at], self.source, lines or 0)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[Item]:
        lines = [0] * len(self.values) if self.lines is None else self.lines
        for value, number, line in zip(self.values, self.numbers, lines, strict=True):
            yield Item(value, number, self.source, line)


class ItemBlocks(Iterator[Item]):
    """A stream of items that comes in blocks; read by item or by block, not by both."""

    def __init__(self, blocks: Iterator[ItemBlock]) -> None:
        self.blocks = blocks
        self._items = (item for block in blocks for item in block)

    def __next__(self) -> Item:
        return next(self._items)

    def close(self) -> None:
        """Close the files."""
        self._items.close()
        if isinstance(self.blocks, Generator):
            self.blocks.close()


ItemStream: TypeAlias = Generator[Item, None, None] | ItemBlocks
"""What reading a source gives; closing it closes the files."""
