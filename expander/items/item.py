"""The item: one row of input."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from expander.base.errors import Position

Scalar: TypeAlias = "str | int | float | bool | None"
Value: TypeAlias = "Scalar | list[Value] | dict[str, Value]"


@dataclass(slots=True)
class Item:
    """One row of input: a plain value, or named columns.

    ``value`` is the plain value, or a mapping from column names to values; text sources give
    strings, JSON and YAML sources keep their types. ``number`` counts the items of the batch from 1
    in the order they are expanded. ``source`` and ``line`` say where the row came from (line 0:
    not known).
    """

    value: Scalar | Mapping[str, Value]
    number: int
    source: str
    line: int = 0

    @property
    def where(self) -> Position:
        """The place this item was read from."""
        return Position(self.source, self.line)

    @property
    def columns(self) -> Mapping[str, Value] | None:
        """The named columns, or None for a plain value."""
        return self.value if isinstance(self.value, Mapping) else None

    def __str__(self) -> str:
        text = repr(self.value) if self.columns is None else repr(dict(self.columns))
        if len(text) > 80:
            text = text[:77] + "..."
        return f"item {self.number} {text} ({self.where})"
