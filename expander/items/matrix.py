"""Include and exclude, with the meaning they have in GitHub Actions matrices.

A plain value counts as the column ``item``. Values are compared as text, so ``size=1`` fits the number 1.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Mapping
from contextlib import closing
from typing import NoReturn

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, SourceLocation, UsageError, shown_columns, suggest
from expander.base.written_numbers import dumps
from expander.items.block import ItemStream
from expander.items.formats.json import decode
from expander.items.item import Item, Value, is_text
from expander.items.source import PLAIN_COLUMN, columns_of


def parse_entry(text: str) -> Mapping[str, Value]:
    """The columns an entry speaks of.

    A text that starts with ``{`` is a JSON object, one with ``=`` is ``KEY=VALUE[,KEY=VALUE...]`` (a
    part in double quotes may hold commas: ``"KEY=a,b"``), and any other is a plain value, which is
    the column ``item``. Raises UsageError for what is none of these, and for a key given twice.
    """
    if not is_text(text):
        _refuse(text, "it is not UTF-8 text")
    if text.lstrip().startswith("{"):
        return _json(text)
    return _pairs(text) if "=" in text else {PLAIN_COLUMN: text}


def _json(text: str) -> Mapping[str, Value]:
    try:
        value = decode(text.encode(), SourceLocation(text))
    except InputError as error:
        _refuse(text, error.problems[0].message)
    assert isinstance(value, dict), "a text that starts with { is an object or malformed"
    return value or _refuse(text, "it has no columns")


def _pairs(text: str) -> Mapping[str, Value]:
    try:
        parts = [part for row in csv.reader([text], strict=True) for part in row]
    except csv.Error as error:
        _refuse(text, str(error))
    pairs: dict[str, Value] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not key or not equals:
            _refuse(text, f"{part!r} has no {'=' if key else 'KEY'}")
        if key in pairs:
            _refuse(text, f"the column {key!r} is there twice")
        pairs[key] = value
    return pairs


def _refuse(text: str, wrong: str) -> NoReturn:
    raise UsageError(
        f"found {text!r}, expected KEY=VALUE,KEY=VALUE or a JSON object: {wrong}",
        hint='a value with a comma is written "KEY=a,b", in double quotes; one with = as {"item": "a=b"}',
    )


INCLUDE = "<include>"


@dataclass(frozen=True, slots=True)
class Entry:
    """One include or exclude entry; ``text`` is how the user wrote it."""

    text: str
    pairs: Mapping[str, Value]

    @classmethod
    def parse(cls, text: str) -> Entry:
        """The entry of a text, see `parse_entry`."""
        return cls(text, parse_entry(text))

    def clashes(self, columns: Mapping[str, Value]) -> bool:
        """True if a column has another value than this entry gives it."""
        for key, value in self.pairs.items():
            if key in columns and _text(columns[key]) != _text(value):
                return True
        return False

    def fits(self, columns: Mapping[str, Value]) -> bool:
        """True if the columns have all pairs of this entry."""
        return self.pairs.keys() <= columns.keys() and not self.clashes(columns)


def excluded(stream: ItemStream, entries: list[Entry], *, uniform: bool) -> Generator[Item, None, None]:
    """The items that fit no entry.

    A key that no item has raises UsageError: at the first item if all items are known to have the
    same columns (``uniform``), else after the last.
    """
    unknown = {key: entry for entry in entries for key in entry.pairs}
    columns: Mapping[str, Value] = {}
    with closing(stream) as items:
        for item in items:
            columns = columns_of(item)
            if unknown:
                unknown = {key: entry for key, entry in unknown.items() if key not in columns}
                if unknown and uniform:
                    break
            if not any(entry.fits(columns) for entry in entries):
                yield item
    if columns:
        for key, entry in unknown.items():
            raise _unknown("exclude", entry, key, columns)


def included(stream: ItemStream, entries: list[Entry]) -> Generator[Item, None, None]:
    """The items, extended by the entries that fit them, then one new item per entry that fitted none.

    An entry fits an item unless it gives another value to a column the item came with; its other
    columns are added, over those of entries before it. Raises UsageError for an entry that is a
    plain value where items have columns and none is named ``item``.
    """
    unused = dict(enumerate(entries))
    plain = True
    number = 0
    with closing(stream) as items:
        for item in items:
            number += 1
            columns = columns_of(item)
            plain = item.columns is None
            extended = dict(columns)
            for place, entry in enumerate(entries):
                if entry.pairs.keys() == {PLAIN_COLUMN} and PLAIN_COLUMN not in columns:
                    raise _unknown("include", entry, PLAIN_COLUMN, columns)
                if not entry.clashes(columns):
                    extended |= {key: value for key, value in entry.pairs.items() if key not in columns}
                    unused.pop(place, None)
            if len(extended) > len(columns):
                item.value = extended
            yield item
    for place, entry in enumerate(unused.values(), number + 1):
        value = entry.pairs.get(PLAIN_COLUMN)
        only_a_value = plain and len(entry.pairs) == 1 and isinstance(value, (str, int, float))
        yield Item(value if only_a_value else entry.pairs, place, INCLUDE)  # type: ignore[arg-type]


def _text(value: Value) -> str:
    return value if isinstance(value, str) else dumps(value, sort_keys=True, ensure_ascii=False)


def _unknown(option: str, entry: Entry, key: str, columns: Mapping[str, Value]) -> UsageError:
    near = suggest(key, columns)
    return UsageError(
        f"the {option} {entry.text!r} names the column {key!r}, the items have {shown_columns(columns)}",
        hint=f"did you mean {near!r}?" if near else None,
    )
