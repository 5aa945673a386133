"""Several sources as one: product, zip and chain.

Product and zip merge the columns of their sources; a plain value gets its source's place ("1", "2", ...) as
the name of its column, unless ``NAME=`` gave it another. A combined item has the location of its first part.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count, zip_longest
from math import prod
from typing import cast

from expander.base.errors import InputError, Problem
from expander.items.item import Item, Scalar, Value
from expander.items.source import Replay, Source


def product(sources: Sequence[Source]) -> Source:
    """Every combination; the rightmost source varies fastest.

    The first source is streamed once. The others are read again for each item of the sources before
    them; one that can be read only once (stdin, a FIFO) is kept in memory.
    """

    def read() -> Generator[Item, None, None]:
        numbers = count(1)
        inner = [Replay(source) for source in sources[1:]]

        def combinations(
            first: Item, columns: dict[str, Value], place: int, problem: Problem | None
        ) -> Generator[Item, None, None]:
            if place > len(inner):
                yield Item(columns, next(numbers), first.source, first.line, problem)
                return
            with closing(iter(inner[place - 1])) as items:
                for item in items:
                    merged = _merged(columns, item, place, sources)
                    yield from combinations(first, merged, place + 1, problem or item.problem)

        with closing(sources[0].read()) as outer:
            for item in outer:
                yield from combinations(item, _merged({}, item, 0, sources), 1, item.problem)

    return _combined(sources, read, prod)


def zipped(sources: Sequence[Source]) -> Source:
    """The first items of all sources as one item, the second ones, and so on.

    Reading raises InputError, naming the sources, when one ends before another: before the first
    item if the lengths are known by then, else where it happens.
    """

    def read() -> Generator[Item, None, None]:
        known = [(source.label, source.count) for source in sources if source.count is not None]
        for label, length in known[1:]:
            if length != known[0][1]:
                raise _unequal(f"{known[0][0]} has {known[0][1]}, {label} has {length}")
        with ExitStack() as stack:
            streams = [stack.enter_context(closing(source.read())) for source in sources]
            for number, row in enumerate(zip_longest(*streams), 1):
                columns: dict[str, Value] = {}
                problem: Problem | None = None
                for place, item in enumerate(row):
                    if item is None or row[0] is None:
                        raise _ended(sources, row, number - 1)
                    columns = _merged(columns, item, place, sources)
                    problem = problem or item.problem
                yield Item(columns, number, row[0].source, row[0].line, problem)

    return _combined(sources, read, min)


def chained(sources: Sequence[Source]) -> Source:
    """The items of the first source, then those of the second, and so on, as they are."""

    def read() -> Generator[Item, None, None]:
        numbers = count(1)
        for source in sources:
            with closing(source.read()) as items:
                for item in items:
                    item.number = next(numbers)
                    yield item

    return replace(_combined(sources, read, sum), uniform=False)


COMBINATIONS = {"product": product, "zip": zipped, "chain": chained}


def _combined(
    sources: Sequence[Source],
    read: Callable[[], Generator[Item, None, None]],
    count_of: Callable[[list[int]], int],
) -> Source:
    counts = [source.count for source in sources if source.count is not None]
    return Source(
        label=", ".join(source.label for source in sources),
        read=read,
        rereadable=all(source.rereadable for source in sources),
        uniform=all(source.uniform for source in sources),
        count=count_of(counts) if len(counts) == len(sources) else None,
    )


def _merged(columns: dict[str, Value], item: Item, place: int, sources: Sequence[Source]) -> dict[str, Value]:
    """``columns`` and those of an item of the source at ``place``. Raises InputError if they share one."""
    own = item.columns
    if own is None:
        own = {str(place + 1): cast(Scalar, item.value)}
    merged = {**columns, **own}
    if len(merged) < len(columns) + len(own):
        shared = [repr(name) for name in own if name in columns]
        noun, verb = ("column", "is") if len(shared) == 1 else ("columns", "are")
        raise InputError(
            f"the {noun} {', '.join(shared)} of {sources[place].label} {verb} also in an earlier source",
            item=str(item),
            hint="NAME=SOURCE prefixes the columns of a source with NAME_",
        )
    return merged


def _ended(sources: Sequence[Source], row: Sequence[Item | None], number: int) -> InputError:
    ended = sources[row.index(None)].label
    more = next(item for item in row if item is not None)
    return _unequal(f"{ended} ended after {number}, {more.source} has more", item=str(more))


def _unequal(found: str, item: str | None = None) -> InputError:
    return InputError(f"the sources of a zip need the same number of items: {found}", item=item)
