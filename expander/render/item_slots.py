"""From references to the item to slots of a row."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from expander.base.errors import Position, Problem, nearest
from expander.items.item import Item
from expander.render.references import Reference, scan

Columns: TypeAlias = "tuple[str, ...] | None"


class ItemSlots:
    """The slots of a row for items of one set of columns, found while a template is taken apart.

    ``split`` replaces references by slot numbers; ``row`` gives the values of an item. ``item_slot`` is the
    slot with the item's whole text, ``naming`` the one that names it shortly, if there is one.
    ``problems`` are references that mean nothing; ``longer`` are names that only look like one.
    """

    def __init__(self, columns: Columns, values: Mapping[str, Any], overrides: Mapping[str, Any]) -> None:
        self.columns = columns
        self.constants = {**values, **overrides}
        self.overrides = overrides
        self.numbers: dict[tuple[str | None, bool], int] = {}
        self.getters: list[Any] = []
        self.problems: list[Problem] = []
        self.longer: dict[str, None] = {}
        plain = self._plain_slot()
        self.naming = () if plain is None else (plain,)
        self.item_slot = self._slot(("", False), _item_text) if columns is not None else plain

    def split(self, text: str, where: Position) -> tuple[str | int, ...]:
        found = scan(text, self.columns)
        self.longer.update(dict.fromkeys(found.longer))
        segments: list[str | int] = []
        for segment in found.segments:
            if isinstance(segment, str):
                segments.append(segment)
            else:
                number = self._resolve(segment, where)
                segments.append(segment.text if number is None else number)
        return tuple(segments)

    def rows(self, items: Sequence[Item]) -> list[tuple[Any, ...]]:
        """The values of each item, one for each slot."""
        if not self.getters:
            return [()] * len(items)
        return list(zip(*[map(getter, items) for getter in self.getters], strict=True))

    def _resolve(self, reference: Reference, where: Position) -> int | None:
        name = reference.column
        if reference.index:
            return self._slot((None, True), lambda item: item.number - 1)
        if name is None:
            return self._plain(reference, where)
        if name in self.overrides or (name in self.constants and name not in (self.columns or ())):
            constant = self.constants[name]
            return self._slot((name, False), lambda _: constant)
        if name in (self.columns or ()):
            return self._slot((name, False), lambda item: item.value[name])
        known = [*(self.columns or ()), *self.constants]
        what = (
            "items are plain values without columns"
            if self.columns is None
            else f"columns are {', '.join(known)}"
        )
        close = nearest(name, known)
        hint = f"did you mean {close}?" if close else None
        self._problem(f"unknown column {name!r} in {reference.text}; {what}", where, hint)
        return None

    def _plain_slot(self) -> int | None:
        """The slot of a bare ``$ITEM``: the value, the column called item, or the only column."""
        if self.columns is None:
            return self._slot((None, False), attrgetter("value"))
        name = "item" if "item" in self.columns else self.columns[0] if len(self.columns) == 1 else None
        if name is None:
            return None
        return self._slot((name, False), lambda item: item.value[name])

    def _plain(self, reference: Reference, where: Position) -> int | None:
        slot = self._plain_slot()
        if slot is None:
            known = ", ".join(self.columns or ())
            suggestion = f"write ${{ITEM.{self.columns[0]}}}" if self.columns else None
            self._problem(
                f"{reference.text} is ambiguous: the items have the columns {known}", where, suggestion
            )
        return slot

    def _problem(self, message: str, where: Position, hint: str | None) -> None:
        problem = Problem(message, where, hint=hint)
        if problem not in self.problems:
            self.problems.append(problem)

    def _slot(self, key: tuple[str | None, bool], getter: Any) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.getters)
            self.getters.append(getter)
        return self.numbers[key]


def columns_of(item: Item) -> Columns:
    """The names of an item's columns, or None for a plain value."""
    return tuple(item.value) if isinstance(item.value, Mapping) else None


def _item_text(item: Item) -> str:
    """The item as the annotation keeps it: named columns as JSON."""
    return json.dumps(item.value, ensure_ascii=False, separators=(",", ":"))
