"""A manifest that is still a row and a skeleton; its text and tree are made when asked for.

A compiled document: a tree with holes, and rows put into it by the thousand.

Rows whose values are all harmless (`patterns`) are copied into constant text; any other row takes the
exact way, hole by hole. Both give the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, Literal, TypeAlias

from expander.base.errors import ItemError, Position, Problem
from expander.manifests.manifest import Manifest
from expander.render.layout import Layout, Plan
from expander.render.placeholder import Hole, Refused, Row, Style, all_of, safe_patterns, text_of


class Rendered(Manifest):
    """One row put into a skeleton.

    ``output`` says what ``text`` already is, ``json`` or ``yaml``; the other form is made when asked for.
    """

    __slots__ = ("_output", "_text", "identity", "row", "skeleton")
    identity: str

    def __init__(
        self,
        skeleton: Skeleton,
        row: tuple[Any, ...],
        identity: str,
        output: str,
        text: str,
        item: object | None,
    ) -> None:
        self.skeleton = skeleton
        self.row = row
        self.identity = identity
        self.item = item
        self._output = output
        self._text = text
        self._tree = None
        self.where = skeleton.where

    @property
    def tree(self) -> Mapping[str, Any]:
        """The object as plain JSON data."""
        if self._tree is None:
            self._tree = json.loads(self.json())
        assert self._tree is not None
        return self._tree

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.identity.split("\n", 1)[0]

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.identity.rsplit("\n", 1)[1]

    @property
    def item_text(self) -> str | None:
        """A short text of the item for file names; None when nothing of the item is known."""
        slots = self.skeleton.item_slots
        return None if not slots else "-".join(text_of(self.row[slot]) for slot in slots)

    @property
    def size(self) -> int:
        """Characters of the text that is made already."""
        return len(self._text)

    def json(self) -> str:
        """The object as one line of JSON, keys in the template's order."""
        return self._text if self._output == "json" else self.skeleton.text(self.row, "json")

    def yaml(self) -> str:
        """The object as one YAML document; a YAML template's comments and key order are kept."""
        return self._text if self._output == "yaml" else self.skeleton.text(self.row, "yaml")


Output: TypeAlias = Literal["json", "yaml"]

# What a literal block takes as it is: no line breaks, no controls, and no blank at the start.
_LITERAL_SAFE = re.compile(
    r"[^\s\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]"
    r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*"
)


class Skeleton:
    """One document of a template, compiled.

    ``holes`` are numbered as in the layouts. ``layouts`` makes the layout of a name: ``json``,
    ``yaml`` (literal blocks kept), ``yaml flat`` (holes in literal blocks quoted) or ``identity``.
    ``item_slots`` are the slots whose text is the item's; ``locate`` gives the place of a field in the
    template.
    """

    def __init__(
        self,
        holes: Sequence[Hole],
        locate: Callable[[Sequence[str | int]], Position],
        slots: int,
        item_slots: tuple[int, ...],
        layouts: Callable[[str], Layout],
    ) -> None:
        self.holes = holes
        self.locate = locate
        self.where = locate(())
        self.slots = slots
        self.item_slots = item_slots
        self._make = layouts
        self._layouts: dict[str, Layout] = {}
        self._plans: dict[tuple[str, frozenset[str]], Plan] = {}

    def layout(self, name: str) -> Layout:
        """The layout called ``name``, made when first asked for."""
        if name not in self._layouts:
            self._layouts[name] = self._make(name)
        return self._layouts[name]

    def render(
        self, rows: Sequence[Row], items: Sequence[object | None], output: Output
    ) -> list[Rendered | ItemError]:
        """One manifest, or the error of its item, for each row, in order."""
        done = self._copy(rows, items, output)
        if done is not None:
            return done
        if len(rows) > 1:
            return [self.render([row], [item], output)[0] for row, item in zip(rows, items, strict=True)]
        return [self._exact(rows[0], items[0], output)]

    def text(self, row: Row, output: Output) -> str:
        """The manifest of one row that is known to be good."""
        return self._write(row, {hole.token: hole.value(row) for hole in self.holes}, output)

    def _exact(self, row: Row, item: object | None, output: Output) -> Rendered | ItemError:
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for hole in self.holes:
            try:
                values[hole.token] = hole.value(row)
            except Refused as error:
                named = None if item is None else str(item)
                problems.append(Problem(error.message, hole.where, named, hole.field, error.hint))
        keys = [(hole.path[:-1], values.get(hole.token)) for hole in self.holes if hole.is_key]
        if len(set(keys)) < len(keys) and not problems:
            problems.append(
                Problem("two keys of one mapping became the same", self.where, str(item or "") or None)
            )
        if problems:
            return ItemError(problems)
        identity = self.layout("identity").fill(values, ())
        return Rendered(self, row, identity, output, self._write(row, values, output), item)

    def _write(self, row: Row, values: dict[str, Any], output: Output) -> str:
        texts = [text_of(value) for value in row]
        name: str = output
        if output == "yaml" and not all(_LITERAL_SAFE.fullmatch(texts[slot]) for slot in self._literal_slots):
            name = "yaml flat"
        return self.layout(name).fill(values, texts)

    def _copy(
        self, rows: Sequence[Row], items: Sequence[object | None], output: Output
    ) -> list[Rendered | ItemError] | None:
        """All rows at once, else None.

        A hole is copied when all its values are harmless, else computed for each row; what a hole refuses,
        and a literal block with something to escape, needs the exact way.
        """
        if sum(hole.is_key for hole in self.holes) > 1:
            return None  # two keys may become the same
        natives = list(zip(*rows, strict=True)) if self.slots else []
        columns: list[Sequence[str]] = []
        for column in natives:
            types = set(map(type, column))
            as_text = str if types == {int} else text_of
            columns.append(column if types == {str} else list(map(as_text, column)))
        risky = {slot for slot, matches in self._checks if not all(map(matches, columns[slot]))}
        if risky and not risky.isdisjoint(self._literal_slots):
            return None
        computed = [
            hole
            for hole, patterns in zip(self.holes, self._safe, strict=True)
            if patterns is None or (risky and not risky.isdisjoint(hole.slots))
        ]
        try:
            values = {hole.token: [hole.value(row) for row in rows] for hole in computed}
        except Refused:
            return None
        count = len(rows)
        tokens = frozenset(values)
        texts = self._plan(output, tokens).fill(columns, values, count)
        identities = self._plan("identity", tokens).fill(columns, values, count)
        return list(map(Rendered, repeat(self), rows, identities, repeat(output), texts, items))

    def _plan(self, name: str, computed: frozenset[str]) -> Plan:
        if (name, computed) not in self._plans:
            self._plans[name, computed] = self.layout(name).plan(computed)
        return self._plans[name, computed]

    @cached_property
    def _safe(self) -> list[dict[int, str] | None]:
        return [safe_patterns(hole) for hole in self.holes]

    @cached_property
    def _checks(self) -> list[tuple[int, Callable[[str], object]]]:
        wanted: dict[int, list[str]] = {}
        for patterns in self._safe:
            for slot, pattern in (patterns or {}).items():
                wanted.setdefault(slot, []).append(pattern)
        return [(slot, re.compile(all_of(patterns)).fullmatch) for slot, patterns in wanted.items()]

    @cached_property
    def _literal_slots(self) -> list[int]:
        return [slot for hole in self.holes if hole.style is Style.LITERAL for slot in hole.slots]
