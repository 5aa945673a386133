"""The rows of a table in the order of one of its columns."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from expander.base.errors import UsageError
from expander.base.text import natural
from expander.group.table import COLUMNS, HIDDEN, TEXT_COLUMNS, Row, column_names

ITEM_PREFIX: Final = "item."
"""Before the name of an item's column that is also one of `COLUMNS`, as in CSV."""


def sorted_by(rows: Sequence[Row], column: str) -> list[Row]:
    """The rows in the order of ``column``: ``input`` (as they are), a key of rows, a column of items, or a
    head of the text table.

    Numbers come before other text, what has no value comes last; ``-COLUMN`` is descending. Raises UsageError
    for a column that there is not.
    """
    if not rows:
        return []
    name = column.removeprefix("-")
    if name == "input":
        return [*rows] if name == column else [*reversed(rows)]
    keys, own = list(dict.fromkeys([*COLUMNS, *(key for row in rows for key in row)])), column_names(rows)
    place = _place(name, [key for key in keys if key not in HIDDEN], own)
    values = [(_rank(_value(row, place)), row) for row in rows]
    known = [(rank, row) for rank, row in values if rank is not None]
    known.sort(key=lambda pair: pair[0], reverse=name != column)
    return [row for _, row in known] + [row for rank, row in values if rank is None]


def _place(name: str, keys: Sequence[str], own: Sequence[str]) -> tuple[str, bool]:
    """The key in a row, or in its item's columns (True), that ``name`` means."""
    if name in keys:
        return name, False
    part = name.removeprefix(ITEM_PREFIX)
    if name in own or part in own:
        return (name if name in own else part), True
    lower = name.casefold()
    heads = {head.casefold(): key for head, key in TEXT_COLUMNS.items() if key in keys}
    if (key := heads.get(lower)) is not None:
        return key, False
    for found, is_own in [*((key, False) for key in keys), *((key, True) for key in own)]:
        if found.casefold() == lower:
            return found, is_own
    raise UsageError(f"--sort-by: no column {name!r}; columns are {', '.join(_names(keys, own))}")


def _names(keys: Sequence[str], own: Sequence[str]) -> Iterable[str]:
    yield from (f"{ITEM_PREFIX}{name}" if name in keys else name for name in own)
    yield from ("input", *keys)
    if "output" not in keys:
        yield "output"


def _value(row: Row, place: tuple[str, bool]) -> Any:
    key, is_own = place
    return (row.get("columns") or {}).get(key) if is_own else row.get(key)


def _rank(value: Any) -> tuple[bool, Any] | None:
    """What orders a value; None for nothing."""
    text = json.dumps(value) if isinstance(value, (Mapping, list)) else str("" if value is None else value)
    if not (text := text.strip()):
        return None
    try:
        number = float(text)
    except ValueError:
        return True, natural(text)
    return (True, natural(text)) if math.isnan(number) else (False, number)
