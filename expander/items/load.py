"""From what a user asks for to the stream of items: sources, combination, include, exclude, slice, limit."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from itertools import chain, count, islice
from typing import BinaryIO, Literal

from expander.base.dataclass import dataclass
from expander.base.digests import blake2b
from expander.base.errors import ExpanderError, UsageError, suggest
from expander.base.regex import regex
from expander.base.written_numbers import dumps
from expander.items.block import ItemStream
from expander.items.formats.registry import STDIN
from expander.items.formats.table import Table
from expander.items.item import Item
from expander.items.source import Source, arguments, watched
from expander.items.source_spec import parse_source

_SLICE = regex(r"([0-9]{0,18}):([0-9]{0,18})(?::([0-9]{0,18}))?")


def parse_slice(text: str) -> slice:
    """A slice in Python's notation, without negative positions: the number of items is not known
    before the last.

    START counts from 0 and STOP is not included; an empty part means from the first, to the last,
    every one. Raises UsageError for anything else, and for a STEP of 0.
    """
    match = _SLICE.fullmatch(text)
    start, stop, step = (int(part) if part else None for part in match.groups()) if match else (None,) * 3
    if not match or step == 0:
        raise UsageError(
            f"found the slice {text!r}, expected START:STOP or START:STOP:STEP",
            hint="0:10 is the first ten items, 1::2 every second one; positions count from 0",
        )
    return slice(start, stop, step)


@dataclass(frozen=True, slots=True)
class ItemSpec:
    """Which items to expand.

    ``arguments`` are literal values; with ``sources`` (texts for `parse_source`) they are the first
    source. Several sources are combined by ``combine``. Then ``exclude`` drops items, ``include``
    extends or adds some (see `expander.items.matrix`), ``slice`` (``START:STOP[:STEP]``, from 0,
    STOP not included) picks from what is left and ``limit`` keeps at most so many; with ``unique`` each value
    is there once, the first time. ``delimiter`` is what stands between the columns of CSV and TSV sources,
    and of lines; with ``no_header`` their first row is an item too, and its columns are 1, 2, ... unless
    ``columns`` names them.
    """

    arguments: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    combine: Literal["product", "zip", "chain"] = "product"
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    slice: str | None = None
    limit: int | None = None
    unique: bool = False
    delimiter: str | None = None
    no_header: bool = False
    columns: tuple[str, ...] = ()


def items(
    spec: ItemSpec,
    *,
    stdin: BinaryIO | None = None,
    on_header: Callable[[str, list[str]], None] | None = None,
    on_dropped: Callable[[int], None] | None = None,
    on_empty: Callable[[str], None] | None = None,
) -> Iterator[Item]:
    """The items of ``spec``, lazily, numbered from 1 in the order they are expanded.

    What is wrong with ``spec`` itself raises UsageError here, before anything is read. Reading raises
    InputError for a source that cannot be used and UsageError for include or exclude texts that do
    not fit the items. ``stdin`` is what ``-`` reads, by default the process's own. ``on_header`` gets the
    names that the first row of a table gives its columns, ``on_dropped`` how many repeated items were left
    out, if any, and ``on_empty`` the label of a source without items. Closing the iterator closes the files.
    """
    source = _combined(spec, stdin, on_header, on_empty)
    change = _matrix(spec)
    part = slice(None) if spec.slice is None else parse_slice(spec.slice)
    if spec.limit is not None and spec.limit < 0:
        raise UsageError(f"found the limit {spec.limit}, expected 0 or more")
    stream = source.read()
    if change is not None:
        stream = change(stream, source.uniform)
    if spec.unique:
        stream = _unique(stream, on_dropped)
    if spec.exclude or spec.unique or spec.slice is not None or spec.limit is not None:
        return PickedItems(stream, part, spec.limit)
    return stream


def _matrix(spec: ItemSpec) -> Callable[[ItemStream, bool], ItemStream] | None:
    """What include and exclude do to a stream of items, uniform or not; None when there are none."""
    if not spec.exclude and not spec.include:
        return None
    from expander.items.matrix import Entry, excluded, included

    exclude = [Entry.parse(text) for text in spec.exclude]
    include = [Entry.parse(text) for text in spec.include]

    def change(stream: ItemStream, uniform: bool) -> ItemStream:
        left = excluded(stream, exclude, uniform=uniform) if exclude else stream
        return included(left, include) if include else left

    return change


def _combined(
    spec: ItemSpec,
    stdin: BinaryIO | None,
    on_header: Callable[[str, list[str]], None] | None,
    on_empty: Callable[[str], None] | None,
) -> Source:
    table = Table(spec.delimiter, not (spec.no_header or spec.columns), spec.columns, on_header)
    sources = [parse_source(text, stdin=stdin, table=table) for text in spec.sources]
    if on_empty is not None:
        sources = [watched(source, on_empty) for source in sources]
    if table.asked and not table.used:
        raise UsageError("--delimiter, --no-header and --columns are for items in CSV or TSV (-i)")
    if spec.arguments or not sources:
        sources.insert(0, arguments(spec.arguments))
    if sum(source.label == STDIN for source in sources) > 1:
        raise UsageError("standard input can be an item source only once")
    if len(sources) == 1 and spec.combine == "product":
        return sources[0]
    from expander.items.combine import COMBINATIONS

    if spec.combine not in COMBINATIONS:
        near = suggest(spec.combine, COMBINATIONS)
        raise UsageError(
            f"found the combination {spec.combine!r}, expected one of {', '.join(COMBINATIONS)}",
            hint=f"did you mean {near!r}?" if near else None,
        )
    return sources[0] if len(sources) == 1 else COMBINATIONS[spec.combine](sources)


def _unique(stream: ItemStream, on_dropped: Callable[[int], None] | None) -> Generator[Item, None, None]:
    """Each value once, the first time; 16 bytes are kept of each."""
    seen: set[bytes] = set()
    dropped = 0
    with closing(stream):
        for item in stream:
            if item.problem is not None:
                yield item
                continue
            text = dumps(item.value, sort_keys=True).encode()
            key = blake2b(text, digest_size=16).digest()
            if key in seen:
                dropped += 1
            else:
                seen.add(key)
                yield item
    if dropped and on_dropped is not None:
        on_dropped(dropped)


class PickedItems(Iterator[Item]):
    """The items of ``part``, at most ``limit``, numbered as in the whole list: other parts of it have other
    numbers. Nothing behind the last one is read."""

    def __init__(self, stream: ItemStream, part: slice, limit: int | None) -> None:
        self._stream = stream
        self._ahead: list[Item] = []
        self._failure: ExpanderError | None = None
        self._items: Generator[Item, None, None] = self._picked(part, limit)

    def ahead(self, count: int) -> list[Item]:
        """The first ``count`` items, also those that are not picked, or the first one if it has no columns.

        To be called before any is taken. An error among them is raised in its place, if that is picked.
        """
        try:
            for item in islice(self._stream, count):
                self._ahead.append(item)
                if item.columns is None and item.problem is None:
                    break
        except ExpanderError as error:
            self._failure = error
        return [item for item in self._ahead if item.problem is None]

    def _picked(self, part: slice, limit: int | None) -> Generator[Item, None, None]:
        with closing(self._stream):
            picked = islice(chain(self._ahead, self._behind()), part.start, part.stop, part.step)
            numbers = count((part.start or 0) + 1, part.step or 1)
            for number, item in zip(numbers, islice(picked, limit), strict=False):
                item.number = number
                yield item

    def _behind(self) -> Generator[Item, None, None]:
        if self._failure is not None:
            raise self._failure
        yield from self._stream

    def close(self) -> None:
        """Close the files."""
        self._items.close()
        self._stream.close()

    def __next__(self) -> Item:
        return next(self._items)
