"""The key of an item: the short text that names it in tables, logs, folders and arguments.

A plain value is its own key. Of an item with columns it is the value of one column that tells the items of
the batch apart, or, where no column does, ``column=value`` of all of them. That column is the first one
unless the annotation `expander/key` beside the item names others. Numbers may be unique by chance: columns
before them that are unique together are preferred.
"""

from __future__ import annotations

import json
import shlex
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from expander.base.errors import UsageError, column_hint, shown_columns
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.written_numbers import dumps, loads
from expander.items.item import Item

READ_AHEAD: Final = 1000
"""Items that are read before their key is chosen."""

_NUMBER: Final = regex(r"[-+]?(?:[0-9]+\.?|[0-9]*\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def item_columns(text: str) -> dict[str, Any]:
    """The columns of an item whose text is a JSON object; of any other there are none."""
    if not text.startswith("{"):
        return {}
    try:
        found = loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def item_key(text: str, columns: str = "") -> str:
    """The key of the item with this ``text``; ``columns`` is the value of `expander/key`, if there is one."""
    row = item_columns(text)
    names = key_columns(row, columns)
    values = [column_text(row, name) for name in names]
    if not names or None in values:
        return text
    if len(names) == 1:
        return values[0] or text
    return ",".join(f"{name}={value}" for name, value in zip(names, values, strict=True))


def column_text(row: Mapping[str, Any], name: str) -> str | None:
    """The text of a column, or of a part of one (``sample.id``, ``lanes.0``); None where there is none."""
    if name in row:
        return item_text(row[name])
    found: Any = row
    for part in name.split("."):
        if isinstance(found, Mapping) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return item_text(found)


def key_columns(row: Mapping[str, Any], columns: str = "") -> list[str]:
    """The columns of the key of an item that is this ``row``; ``columns`` as for `item_key`."""
    return _named(columns) or list(row)[:1]


class KeyChoice:
    """Chooses the columns of the key of a batch: those ``wanted``, or the first one that is unique in it.

    `read` passes items on and looks at the first `READ_AHEAD` of them before the first one is given;
    ``annotation`` is then the value for `expander/key`, None where it goes without saying. ``notes`` says
    what was decided on a part of the batch, and when columns that were ``wanted`` are not unique in it.
    """

    def __init__(self, wanted: Sequence[str] = ()) -> None:
        self._wanted = [*dict.fromkeys(wanted)]
        self.annotation: str | None = None
        self.notes: list[str] = []
        self._ahead: Sequence[Item] = ()

    def read(self, items: Iterable[Item], whole: Callable[[int], list[Item]] | None = None) -> Iterator[Item]:
        """The same items. Raises UsageError when they have no column of a wanted name.

        ``whole`` gives the first items of the batch of which these are a part: it has the key of all.
        """
        if whole is not None:
            first = whole(READ_AHEAD)
            self._choose([item.columns for item in first if item.columns is not None], first)
            yield from items
            return
        stream = iter(items)
        ahead: list[Item] = []
        failure: Exception | None = None
        try:
            for item in stream:
                ahead.append(item)
                if item.columns is None or len(ahead) == READ_AHEAD:
                    break  # nothing to choose
        except Exception as error:
            failure = error  # what was read before it comes first
        self._choose([item.columns for item in ahead if item.columns is not None], ahead)
        yield from ahead
        if failure is not None:
            raise failure
        yield from stream

    def distinguishing(self, known: Callable[[Item], Hashable], columns: Sequence[str]) -> list[str]:
        """Those of ``columns`` that beside what is ``known`` of an item tell the items apart, as far as they
        are read: those wanted for the key, and as few others as do so.
        """
        items = [item for item in self._ahead if item.columns is not None]
        rows = [item.columns or {} for item in items]
        wanted = [name for name in self._wanted if name in columns]
        others = [
            name
            for name in _plain(rows)
            if name in columns and name not in wanted and not any(row[name] is None for row in rows)
        ]
        told = [(known(item), _values(row, wanted)) for item, row in zip(items, rows, strict=True)]
        return [*wanted, *_telling_apart(rows, told, others)]

    def _choose(self, rows: Sequence[Mapping[str, Any]], ahead: Sequence[Item]) -> None:
        self._ahead = ahead
        if self._wanted and ahead:
            self._name(_checked(self._wanted, rows), rows[:1])
            self.notes += _repeats(self._wanted, rows, is_all=len(ahead) < READ_AHEAD)
        elif len(rows) > 1:
            names = _unique(rows)
            if self._name(names, rows) and len(ahead) == READ_AHEAD:
                self.notes.append(
                    f"items are named by {' and '.join(names)}, unique in the first {READ_AHEAD:,}; "
                    f"{option('--key COLUMN')} chooses another column"
                )

    def _name(self, names: list[str], rows: Sequence[Mapping[str, Any]]) -> bool:
        """Make ``names`` the key; whether that has to be said, since they are not the first column."""
        if all(list(islice(row, 1)) == names for row in rows):
            return False
        self.annotation = names[0] if names == [names[0]] and names[0][:1] != "[" else json.dumps(names)
        return True


def _checked(wanted: list[str], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    if not rows:
        raise UsageError(f"{option('--key')} is for items with columns; these are plain values")
    for name in wanted:
        if column_text(rows[0], name) is None:
            parts = (f"{key}.{part}" for key, of in rows[0].items() if isinstance(of, Mapping) for part in of)
            raise UsageError(
                f"{option(f'--key {name}', name)}: no such column; columns are {shown_columns(rows[0])}",
                hint=column_hint(name, [*rows[0], *parts]),
            )
    return wanted


def _repeats(wanted: list[str], rows: Sequence[Mapping[str, Any]], *, is_all: bool) -> Iterator[str]:
    """A warning of the first key that several of ``rows`` have, and of columns that are unique.

    Unless ``is_all`` there may be more rows than these.
    """
    keys = [_values(row, wanted) for row in rows]
    counts = Counter(keys)
    repeated = next((key for key, count in counts.items() if count > 1), None)
    if repeated is None:
        return
    key = repeated[0] if len(wanted) == 1 else ",".join(map("=".join, zip(wanted, repeated, strict=True)))
    many = (
        f"{counts[repeated]:,} items" if is_all else f"{counts[repeated]:,} of the first {len(rows):,} items"
    )
    words = f"{_key_option(wanted)}: {key!r} names {many}, and a command given that key acts on all of them"
    others = [name for name in _plain(rows) if name not in wanted]
    names = [*wanted, *_telling_apart(rows, keys, others)]
    so_far = "" if is_all else " in these"
    yield f"{words}; {_key_option(names)} is unique{so_far}" if _are_unique(names, rows) else words


def _key_option(names: list[str]) -> str:
    typed = [word for name in names for word in ("--key", shlex.quote(name))]
    return option(" ".join(typed), names[0] if len(names) == 1 else names)


def _telling_apart(
    rows: Sequence[Mapping[str, Any]], known: Sequence[Hashable], others: Sequence[str]
) -> list[str]:
    """The first of ``others`` that, beside what is ``known`` of each row, tells different rows apart, or the
    first ones that do so together; none where ``known`` does."""
    count = len({_values(row, list(row)) for row in rows})

    def apart(more: Sequence[str]) -> bool:
        return len({(_values(row, more), one) for row, one in zip(rows, known, strict=True)}) >= count

    for more in ([], *([name] for name in others)):
        if apart(more):
            return more
    ends = range(len(others))
    return list(others[: bisect_left(ends, True, key=lambda end: apart(others[:end]))])


def _values(row: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(column_text(row, name) or "" for name in names)


def _are_unique(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> bool:
    return len({_values(row, names) for row in rows}) == len(rows)


def _plain(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that every row has, and whose values are neither lists nor mappings."""
    return [
        name
        for name in (rows[0] if rows else ())
        if all(name in row and not isinstance(row[name], (list, Mapping)) for row in rows)
    ]


def _unique(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The first column that has another value in each row, else all that every row has.

    In place of a column of numbers, which may be unique by chance, the columns before it if they are unique.
    """
    plain = _plain(rows)
    for place, name in enumerate(plain):
        values = {item_text(row[name]) for row in rows}
        if len(values) == len(rows) and "" not in values:
            by_chance = all(map(_NUMBER.fullmatch, values)) and _are_unique(plain[:place], rows)
            runs = (plain[:end] for end in range(2, place + 1))
            return next(run for run in runs if _are_unique(run, rows)) if by_chance and place > 1 else [name]
    return plain or list(islice(rows[0], 1))


def _named(columns: str) -> list[str]:
    """The columns that an annotation names: one, or a JSON list of them."""
    if not columns.startswith("["):
        return [columns] if columns else []
    try:
        found = json.loads(columns)
    except (ValueError, RecursionError):
        return []
    return [name for name in found if isinstance(name, str)] if isinstance(found, list) else []


def item_text(value: Any) -> str:
    """An item, or the value of a column, as text: a string is itself, anything else is JSON."""
    return value if isinstance(value, str) else dumps(value, ensure_ascii=False, separators=(",", ":"))
