"""`$ITEM` templates: YAML with references to the item, compiled once for each set of columns.

The `$ITEM` language: where a text refers to the item, and what stays as written.

``$ITEM`` ``${ITEM}`` ``${ITEM.column}`` ``$ITEM.column`` ``$INDEX`` ``${INDEX}``; ``$$ITEM`` is a literal
``$ITEM``. Every other ``$`` keeps its meaning for Kubernetes (``$(VAR)``) and the shell (``$HOME``, ``$$``).

From references to the item to slots of a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeAlias

from expander.base.errors import InputError, ItemError, Position, Problem, nearest
from expander.base.yaml import Chunk, Node, compose, split_documents
from expander.items.item import Item
from expander.render.compile import Rules, compile_document, objects_of, unused_prefix
from expander.render.compiled import Output, Rendered, Skeleton

_PATTERN = re.compile(
    r"\$(?P<literal>\$(?:ITEM|INDEX)(?![A-Za-z0-9_])|\$\{(?:ITEM|INDEX)(?:\.[^{}\n]*)?\})"
    r"|\$\{ITEM(?:\.(?P<braced>[^{}\n]*))?\}"
    r"|\$ITEM(?![A-Za-z0-9_])(?:\.(?P<dotted>[A-Za-z_0-9][A-Za-z0-9_-]*))?"
    r"|\$(?P<index>INDEX(?![A-Za-z0-9_])|\{INDEX\})"
    r"|\$(?P<longer>(?:ITEM|INDEX)[A-Za-z0-9_]+|\{(?:ITEM|INDEX)[A-Za-z0-9_]+\})"
)


@dataclass(frozen=True, slots=True)
class Reference:
    """One use of the item in a template.

    ``column`` is the named column, or None for the item itself; ``index`` marks the position of the item
    in the batch (from 0). ``text`` is how the template wrote it.
    """

    text: str
    column: str | None = None
    index: bool = False

    @property
    def key(self) -> tuple[str | None, bool]:
        """Equal for references that always have the same value."""
        return (self.column, self.index)


@dataclass(frozen=True, slots=True)
class Scan:
    """A text taken apart: constant strings and references in order, and longer names left alone."""

    segments: tuple[str | Reference, ...]
    longer: tuple[str, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether the text does not depend on the item."""
        return not any(isinstance(segment, Reference) for segment in self.segments)


def scan(text: str, columns: Collection[str] | None = None) -> Scan:
    """Take ``text`` apart; ``columns`` are the names that ``$ITEM.name`` may mean (None: plain values)."""
    if "$" not in text:
        return Scan((text,) if text else ())
    segments: list[str | Reference] = []
    longer: list[str] = []
    end = 0
    constant = ""
    for match in _PATTERN.finditer(text):
        constant += text[end : match.start()]
        end = match.end()
        reference: Reference | None = None
        if match["literal"]:
            constant += match["literal"]
        elif match["longer"]:
            constant += match[0]
            longer.append(match[0])
        elif match["index"]:
            reference = Reference(match[0], index=True)
        elif match["braced"] is not None:
            reference = Reference(match[0], match["braced"])
        else:
            column = _column(match["dotted"], columns)
            written = "$ITEM" if column is None else f"$ITEM.{column}"
            reference = Reference(written if match["dotted"] else match[0], column)
            if match["dotted"]:
                end = match.start() + len(written)
        if reference is not None:
            if constant:
                segments.append(constant)
                constant = ""
            segments.append(reference)
    constant += text[end:]
    if constant:
        segments.append(constant)
    return Scan(tuple(segments), tuple(longer))


def _column(dotted: str | None, columns: Collection[str] | None) -> str | None:
    """The column that ``$ITEM.dotted`` begins with: the whole word, or the part before a hyphen."""
    while dotted and columns:
        if dotted in columns:
            return dotted
        dotted = dotted.rpartition("-")[0]
    return None


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


_SCALARS = frozenset((str, int, float, bool, type(None)))


class ItemTemplate:
    """A compiled `$ITEM` template.

    ``text`` is the template, ``source`` what to call it in messages, ``values`` constants that
    ``${ITEM.name}`` finds where the item has no such column (``overrides`` win over the item's).
    """

    def __init__(
        self,
        text: str,
        source: str,
        rules: Rules,
        values: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.source = source
        self.rules = rules
        self.values = dict(values or {})
        self.overrides = dict(overrides or {})
        self.warnings: list[str] = []
        self._prefix = unused_prefix(text)
        self._documents: list[tuple[Chunk, Node]] = []
        for chunk in split_documents(text, source):
            root = compose(chunk.text, source, chunk.line)
            if root is not None:
                self._documents.append((chunk, root))
        if not self._documents:
            raise InputError("the template has no document", where=Position(source))
        self._compiled: dict[Columns, _Bound] = {}

    def render(self, items: Sequence[Item], output: Output) -> list[Rendered | ItemError]:
        """The manifests of ``items``, item by item, document by document."""
        if {type(item.value) for item in items} <= _SCALARS:
            return self._bound(None).render(items, output)
        results: list[Rendered | ItemError] = []
        for columns, group in groupby(items, columns_of):
            results += self._bound(columns).render(list(group), output)
        return results

    def _bound(self, columns: Columns) -> _Bound:
        if columns not in self._compiled:
            self._compiled[columns] = self._compile(columns)
        return self._compiled[columns]

    def _compile(self, columns: Columns) -> _Bound:
        slots = ItemSlots(columns, self.values, self.overrides)
        skeletons: list[Skeleton] = []
        problems: list[Problem] = []
        for chunk, root in self._documents:
            for node, alone in objects_of(root):
                compiled = compile_document(
                    node,
                    slots.split,
                    self.rules,
                    slots=0,
                    item_slots=slots.naming,
                    item_slot=slots.item_slot,
                    source_text=chunk.text if alone else None,
                    prefix=self._prefix,
                )
                problems += compiled.problems
                if compiled.structural:
                    problems.append(
                        Problem("an item cannot decide a kind or the name of a field", node.position)
                    )
                if compiled.skeleton is not None:
                    skeletons.append(compiled.skeleton)
                self._warn(compiled.kept)
        self._warn(f"{name} is not $ITEM and is left as it is" for name in slots.longer)
        problems = slots.problems + problems
        if problems:
            raise InputError(problems)
        for skeleton in skeletons:
            skeleton.slots = len(slots.getters)
        return _Bound(skeletons, slots)

    def _warn(self, messages: Iterable[str]) -> None:
        for message in messages:
            if message not in self.warnings:
                self.warnings.append(message)


class _Bound:
    """The template compiled for items of one set of columns."""

    def __init__(self, skeletons: list[Skeleton], slots: ItemSlots) -> None:
        self.skeletons = skeletons
        self.rows = slots.rows

    def render(self, items: Sequence[Item], output: Output) -> list[Rendered | ItemError]:
        rows = self.rows(items)
        columns = [skeleton.render(rows, items, output) for skeleton in self.skeletons]
        if len(columns) == 1:
            return columns[0]
        merged: list[Rendered | ItemError] = []
        for results in zip(*columns, strict=True):
            errors = [result for result in results if isinstance(result, ItemError)]
            merged += [ItemError([p for error in errors for p in error.problems])] if errors else results
        return merged
