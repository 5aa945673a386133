"""The item, one row of input, and which values it may have: what JSON can say in UTF-8, not too deep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from expander.base.dataclass import dataclass
from expander.base.errors import Problem, SourceLocation
from expander.base.text import cut
from expander.base.written_numbers import dumps

MAX_DEPTH = 200
"""Levels of lists and mappings in one item: as many as the YAML reader takes."""


def why_invalid(value: object, depth: int = 0) -> str | None:
    """What is wrong with ``value``, as the words after "found"; None if nothing is.

    Lone surrogates (which arguments and file names that are not UTF-8 arrive with), NaN, infinity,
    keys that are no strings, other types and too many levels are wrong.
    """
    if isinstance(value, str):
        return None if is_text(value) else f"text that is not UTF-8, {value!r}"
    if value is None or isinstance(value, int):
        return None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"the number {value}"
    if depth > MAX_DEPTH:
        return f"more than {MAX_DEPTH} levels of nesting"
    if isinstance(value, Mapping):
        for key, part in value.items():
            if not isinstance(key, str):
                return f"the key {key!r}, which is not a string"
            if wrong := why_invalid(key, depth + 1) or why_invalid(part, depth + 1):
                return wrong if depth else f"{wrong}, in the column {key!r}"
        return None
    if isinstance(value, list):
        return next((wrong for part in value if (wrong := why_invalid(part, depth + 1))), None)
    return f"a value of type {type(value).__name__}"


def is_text(value: str) -> bool:
    """True if ``value`` has no lone surrogate."""
    if value.isascii():
        return True
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | list["Value"] | dict[str, "Value"]


@dataclass(slots=True)
class Item:
    """One row of input: a plain value, or named columns.

    ``value`` is the plain value, or a mapping from column names to values; text sources give
    strings, JSON and YAML sources keep their types. ``number`` counts the items of the batch from 1
    in the order they are expanded. ``source`` and ``line`` say where the row came from (line 0:
    not known). ``problem`` is what is wrong with a row that cannot be used: the item is refused, and stands
    in the stream so that sources that are combined stay aligned.
    """

    value: Scalar | Mapping[str, Value]
    number: int
    source: str
    line: int = 0
    problem: Problem | None = None

    @property
    def where(self) -> SourceLocation:
        """The place this item was read from."""
        return SourceLocation(self.source, self.line)

    @property
    def columns(self) -> Mapping[str, Value] | None:
        """The named columns, or None for a plain value."""
        return self.value if isinstance(self.value, Mapping) else None

    def __str__(self) -> str:
        return f"item {self.number} {cut(shown(self.value), 80)} ({self.where})"


def shown(value: object) -> str:
    """A value for people: a text in quotes, anything else as JSON, as far as it can be."""
    if isinstance(value, str):
        return repr(value)
    try:
        return dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def item_number(item: object | None) -> int:
    """The number of what a manifest was made for; 0 for what is no item."""
    return item.number if isinstance(item, Item) else 0
