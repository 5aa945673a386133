"""Items from values of Python: iterables of them, rows of data frames, and files of items."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, Final

from expander.base.errors import UsageError
from expander.items.item import Item
from expander.items.python_values import frame_rows, is_plain, plain
from expander.items.source import PYTHON, checked_value
from expander.items.source_spec import path_source

_EXPECTED: Final = "text, a number, True, False, None, a date or time, or a mapping of columns"


def from_python(values: Any) -> Iterator[Item]:
    """Items from values of Python: an iterable of them, a data frame, whose rows they are, or a path.

    Values are plain (str, int, float, bool, None), mappings with str keys, Items, data frames or batches of
    Arrow, which give their rows, or what `plain` makes such values of. A path (``pathlib.Path``) or a URL
    (``s3://...``, as a str) is a file of items, its format by its name, as for `parse_source`. Lazily,
    numbered from 1; an Item keeps its source and line. Raises UsageError at once if ``values`` is itself a
    value (a str, a mapping) or a file that is not there, and while iterating InputError that names the item
    for any other type, for NaN and infinity, and for text that is not Unicode.
    """
    if isinstance(values, os.PathLike):
        return path_source(os.fsdecode(values)).read()
    if isinstance(values, str) and "://" in values:
        from expander.items.remote import is_url

        if is_url(values):
            return path_source(values).read()
    if (rows := frame_rows(values)) is not None:
        return _items(rows)
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise UsageError(
            f"found a single {type(values).__name__}, expected an iterable of items", hint=_hint(values)
        )
    return _items(values)


def _hint(value: object) -> str:
    """How to give what a single ``value`` seems to stand for."""
    if hasattr(value, "collect"):  # a lazy frame
        return "collect() gives its rows"
    if isinstance(value, str) and os.path.isfile(value):
        return f"for the items of that file: pathlib.Path({value!r})"
    return "wrap a single item in a list"


def _items(values: Iterable[object]) -> Generator[Item, None, None]:
    for number, value in enumerate(_rows(values), 1):
        if isinstance(value, Item):
            item = Item(value.value, number, value.source, value.line, value.problem)
        else:
            item = Item(plain(value), number, PYTHON)
        yield checked_value(item, _EXPECTED)


def _rows(values: Iterable[object]) -> Iterator[object]:
    """``values``, and in place of a frame or batch among them its rows."""
    for value in values:
        if is_plain(value) or (rows := frame_rows(value)) is None:
            yield value
        else:
            yield from rows
