"""The grammar of ``-i SPEC``: which source a text stands for, ranges and row chunks included."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, BinaryIO

from expander.base.errors import UsageError, suggest
from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.base.urls import without_credentials
from expander.items.block import ItemBlock, ItemBlocks
from expander.items.formats.registry import (
    FORMATS,
    ItemFormat,
    file_source,
    find_format,
    format_of,
    remote_source,
    stdin_source,
)
from expander.items.item import Item, Value
from expander.items.source import PLAIN_COLUMN, Source, arguments, plain_values, prefixed

if TYPE_CHECKING:
    from expander.items import globs
    from expander.items.formats.table import Table
else:  # for patterns
    globs = late_module("expander.items.globs")

_RANGE = regex(r"(-?[0-9]{1,30})-(-?[0-9]{1,30})(?::(-?[0-9]{1,30}))?")
_ROWS = regex(r"rows\s+([0-9]{1,30})\s*\.\.\s*([0-9]{1,30})\s+by\s+([0-9]{1,30})\s*")


BLOCK_ITEMS = 1 << 14
"""Items of a range that are given together."""


def range_source(text: str) -> Source | None:
    """The source of ``START-STOP[:STEP]``, both ends included; None if ``text`` is not of this form.

    Counts down when STOP is below START. Items are integers; if an end is written with a leading
    zero they are strings, all padded to the longer end (``08-12``: 08, 09, 10 ...). A minus sign
    belongs to the number it is written before (``-5--1``). Raises UsageError for a step below 1.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2])
    step = int(match[3] or 1)
    if step < 1:
        raise UsageError(
            f"the step of the range {text!r} is {step}, expected 1 or more",
            hint="the order of the two ends gives the direction",
        )
    width = _width(match[1].removeprefix("-"), match[2].removeprefix("-"))
    numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    size = abs(last - first) // step + 1

    def blocks() -> Generator[ItemBlock, None, None]:
        for start in range(0, size, BLOCK_ITEMS):
            part = numbers[start : start + BLOCK_ITEMS]
            padded = [f"{'-' * (number < 0)}{abs(number):0{width}d}" for number in part] if width else part
            yield ItemBlock(padded, start + 1, text)

    return Source(text, lambda: ItemBlocks(blocks()), uniform=True, count=size)


def _width(*ends: str) -> int:
    padded = any(end.startswith("0") and len(end) > 1 for end in ends)
    return max(map(len, ends)) if padded else 0


def rows_source(text: str) -> Source | None:
    """The source of ``rows FIRST..LAST by SIZE``; None if ``text`` does not start with ``rows``.

    One item per chunk of at most SIZE rows: ``start`` and ``end`` (both included), ``count``, and
    ``item`` (``1-1000``). Raises UsageError for a malformed chunking, LAST below FIRST, SIZE below 1.
    """
    if not re.match(r"rows\s", text):
        return None
    match = _ROWS.fullmatch(text)
    if match is None:
        raise UsageError(
            f"found {text!r}, expected rows FIRST..LAST by SIZE", hint="for example: rows 1..1000000 by 1000"
        )
    first, last, size = int(match[1]), int(match[2]), int(match[3])
    if last < first or size < 1:
        wrong = "the last row is before the first" if last < first else "a chunk needs at least 1 row"
        raise UsageError(f"{text!r}: {wrong}")

    def read() -> Generator[Item, None, None]:
        for number, start in enumerate(range(first, last + 1, size), 1):
            end = min(start + size - 1, last)
            columns: dict[str, Value] = {"start": start, "end": end, "count": end - start + 1}
            columns[PLAIN_COLUMN] = f"{start}-{end}"
            yield Item(columns, number, text)

    return Source(text, read, uniform=True, count=(last - first) // size + 1)


_INTEGER = regex(r"0|-?[1-9][0-9]{0,17}")
_NAME = regex(r"([A-Za-z_][A-Za-z0-9_-]*)=(.*)", re.DOTALL)
_PREFIX = regex(r"([a-z]+):(.*)", re.DOTALL)
_TRIED = "a range (0-99, 0-99:5), rows 1..1000 by 100, a pattern (*.png), FORMAT:PATH, a URL or NAME=A,B,C"


def parse_source(spec: str, *, stdin: BinaryIO | None = None, table: Table | None = None) -> Source:
    """The source that ``[NAME=]SOURCE`` stands for. Looks at the file system, reads and sends nothing.

    SOURCE is the first of these that fits:

    - ``-``: the lines of ``stdin``, by default the process's own;
    - a URL (``s3://...``) or an existing file, its format by its extension (lines if that says nothing;
      ``.gz`` on top is decompressed);
    - ``FORMAT:PATH`` or ``FORMAT:-``; ``glob:PATTERN``; ``list:A,B,C``;
    - ``0-99``, ``0-99:5``; ``rows 1..10 by 3``; a pattern with ``*``, ``?`` or ``[``;
    - after ``NAME=`` only: values with commas between them, ``A,B,C``; integers if all of them are.

    ``NAME=`` names the column of plain values; see `named` for items that have columns. A text that
    begins so is only read as a whole if it is an existing file. ``table`` says how tables are read.

    Raises UsageError that says what was tried when nothing fits.
    """
    name = None if "=" not in spec or _exists(spec) else _NAME.fullmatch(spec)
    text = name[2] if name else spec
    source = _source(text, stdin, table)
    if source is None and name and "," in text:
        source = _listed(text)
    if source is None:
        raise _nothing_fits(text, name[1] if name else None)
    return prefixed(source, name[1]) if name else source


def _source(text: str, stdin: BinaryIO | None, table: Table | None) -> Source | None:
    if text == "-":
        return stdin_source(FORMATS["lines"], stdin, table)
    if "://" in text and (source := _remote(text, None, table)) is not None:
        return source
    if _exists(text):
        return path_source(text, table=table)
    if ":" in text and (match := _PREFIX.fullmatch(text)):
        prefix, rest = match[1], match[2]
        if prefix == "glob":
            return _remote_glob(rest) or globs.glob_source(rest)
        if prefix == "list":
            return _listed(rest)
        if form := find_format(prefix):
            return _formatted(form, rest, stdin, table)
    if (source := range_source(text) or rows_source(text)) or "://" in text:
        return source  # of a misspelled URL a query is no pattern
    return globs.glob_source(text) if globs.is_pattern(text) else None


def _formatted(form: ItemFormat, path: str, stdin: BinaryIO | None, table: Table | None) -> Source:
    if path == "-":
        return stdin_source(form, stdin, table)
    return path_source(path, form, table)


def path_source(path: str, form: ItemFormat | None = None, table: Table | None = None) -> Source:
    """The file ``path``, read as ``form``, by default what its name says. Raises UsageError without one."""
    if "://" in path and (source := _remote(path, form, table)) is not None:
        return source
    if not _exists(path):
        raise UsageError(f"no such file: {without_credentials(path)!r}", hint=_nearest_file(path))
    return file_source(_no_folder(path), form or format_of(path), table)


def _remote(text: str, form: ItemFormat | None, table: Table | None) -> Source | None:
    """The source of a URL; None if ``text`` is none. ``form`` None is that of its extension."""
    from expander.items.remote import RemoteFile, is_url

    if not is_url(text):
        return None
    file = RemoteFile.of(text)
    if form is None and "*" in file.path:
        return _remote_glob(text)
    return remote_source(file, form or format_of(file.path), table)


def _remote_glob(text: str) -> Source | None:
    """The source of the files whose URLs match; None if ``text`` is no URL."""
    if "://" not in text:
        return None
    from expander.items.remote import RemoteFile, is_url

    if not is_url(text):
        return None
    file = RemoteFile.of(text)
    file.check_pattern()
    return globs.glob_source(text, file.matches)


def _listed(text: str) -> Source:
    values = text.split(",")
    if "" in values:
        raise UsageError(f"found {text!r}, expected comma-separated values, but one is empty")
    if not all(map(_INTEGER.fullmatch, values)):
        return arguments(values, text)
    return plain_values(list(map(int, values)), text)


_DOTS = regex(r"(-?[0-9]{1,30})\.\.(-?[0-9]{1,30})(?:\.\.([0-9]{1,30}))?")
"""A range as bash writes it in braces."""


def as_range(text: str) -> str | None:
    """The range that ``text`` is, also when it is written with dots (``1..10``); None if it is none."""
    if _RANGE.fullmatch(text):
        return text
    dots = _DOTS.fullmatch(text)
    return f"{dots[1]}-{dots[2]}{f':{dots[3]}' if dots[3] else ''}" if dots else None


_ITEM_EXTENSIONS = frozenset(extension for form in FORMATS.values() for extension in form.extensions)
_SAMPLE_BYTES = 4096


def has_item_extension(path: str) -> bool:
    """Whether a file's name says that there are items in it."""
    return os.path.splitext(path.lower().removesuffix(".gz"))[1] in _ITEM_EXTENSIONS


def holds_items(path: str) -> bool:
    """Whether ``path`` is a file that looks like a list of items, by its name or by several lines of text, or
    the URL of one by its name.
    """
    if "://" in path:
        from expander.items.remote import is_url

        if is_url(path):
            return has_item_extension(path.partition("?")[0])
    if not os.path.isfile(path):
        return False
    if has_item_extension(path):
        return True
    try:
        with open(path, "rb") as file:
            sample = file.read(_SAMPLE_BYTES)
    except OSError:
        return False
    return b"\0" not in sample and len(sample.split(b"\n", 2)) > 2


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # a NUL, which no path can have
        return False


def _no_folder(path: str) -> str:
    if os.path.isdir(path):
        raise UsageError(
            f"{path!r} is a folder, expected a file",
            hint=f"for one item per file in it use {os.path.join(path, '*')!r}",
        )
    return path


def _nothing_fits(text: str, name: str | None) -> UsageError:
    text = without_credentials(text)
    prefix = _PREFIX.fullmatch(text)
    near = suggest(prefix[1], [*FORMATS, "glob", "list"]) if prefix else None
    near = f"{near}:{prefix[2]}" if near and prefix else as_range(text)
    hint = f"did you mean {near}?" if near else _nearest_file(text)
    if hint is None and name and text:
        hint = f"for a single value: {name}=list:{text}"
    if hint is None and "," in text:
        hint = _parts_hint(text.split(","))
    return UsageError(
        f"found {text!r}, expected a source of items: no such file, and not {_TRIED}",
        hint=hint,
    )


def _parts_hint(parts: Sequence[str]) -> str:
    """How to give several ranges and values that stand with commas between them."""
    found: list[str] = []
    for is_range, group in groupby(parts, key=lambda part: _RANGE.fullmatch(part) is not None):
        same = [*group]
        found += same if is_range else [f"list:{','.join(same)}"]
    if len(found) == 1:
        return f"for a list of values: {found[0]}"
    return f"for several sources: {' '.join(f'-i {each}' for each in found)} --combine chain"


def _nearest_file(path: str) -> str | None:
    folder, name = os.path.split(path)
    try:
        if os.path.islink(path):
            return f"{path!r} is a link that leads to no file"
        near = suggest(name, os.listdir(folder or "."))
    except (OSError, ValueError):
        return None
    return f"did you mean {os.path.join(folder, near)!r}?" if near else None
