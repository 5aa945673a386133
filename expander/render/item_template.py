"""`$ITEM` templates: YAML with references to the item, compiled once for each set of columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from expander.base.errors import InputError, ItemError, Position, Problem
from expander.base.yaml import Chunk, Node, reader, split_documents
from expander.items.item import Item
from expander.render.compile import Rules, compile_document
from expander.render.documents import objects_of, unused_prefix
from expander.render.item_slots import Columns, ItemSlots, columns_of
from expander.render.rendered import Rendered
from expander.render.skeleton import Output, Skeleton

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
            root = reader(chunk.text, source, chunk.line)
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
