"""Plain text substitution, for templates that are not YAML until they are rendered.

The item goes into the text as it is, so a value can change the structure here: what comes out is parsed
and checked like any manifest, names are not repaired, and a value that a shell could read as code is
refused wherever it turns up in a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from expander.base.errors import InputError, ItemError, Problem, SourceLocation, YamlError
from expander.base.option_names import option
from expander.base.yaml import load_documents, split_documents
from expander.base.yaml.rendered_line import with_lines
from expander.items.item import Item
from expander.kube.wellknown import RUN_TO_COMPLETION
from expander.manifests.edits import ITEM_ANNOTATION, KEY_ANNOTATION, apply_edits, item_annotations
from expander.manifests.manifest import Manifest, path_text
from expander.manifests.names import name_rule
from expander.render.commands import HARMLESS_VALUE, changed_code
from expander.render.compile import Rules, flattened, not_an_object
from expander.render.item_template import RowColumns, names_of
from expander.render.placeholder import not_a_scalar, text_of


class TextManifest(Manifest):
    """A manifest that plain substitution gave; ``short`` names its item."""

    __slots__ = ("_short",)

    def __init__(
        self, tree: Mapping[str, Any], where: SourceLocation, item: object, short: str | None
    ) -> None:
        super().__init__(tree, where, item)
        self._short = short

    @property
    def item_text(self) -> str | None:
        """A short text of the item for file names."""
        return self._short


class TextTemplate:
    """A template for plain substitution; the arguments are those of `ItemTemplate`."""

    def __init__(
        self,
        text: str,
        source: str,
        rules: Rules,
        values: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        self.text = text
        self.source = f"{source} (rendered)"
        self.where = SourceLocation(source)
        self.rules = rules
        self.values = dict(values or {})
        self.overrides = dict(overrides or {})
        self.warnings: list[str] = []
        self._columns: dict[tuple[str, ...] | None, tuple[tuple[str | int, ...], RowColumns]] = {}
        self._shared: set[str] = set()
        """Identities of objects that no item changes and that are made."""

    lacks_columns = False
    """Items are refused one by one."""

    def render(self, items: Sequence[Item], output: str) -> list[Manifest | ItemError]:
        """The manifests of ``items``; all documents of an item, or its error."""
        results: list[Manifest | ItemError] = []
        for item in items:
            segments, columns = self._scanned(item)
            try:
                results += self._manifests(item, segments, columns)
            except InputError as error:
                problems = [Problem(p.message, p.where, str(item), p.field, p.hint) for p in error.problems]
                results.append(ItemError(problems, number=item.number))
        return results

    def _manifests(self, item: Item, segments: Sequence[str | int], columns: RowColumns) -> list[Manifest]:
        if columns.problems:
            raise InputError(columns.problems)
        row = [column[0] for column in columns.columns([item])]
        for number, value in enumerate(row):
            if not isinstance(value, (str, int, float)) and number in segments:
                refused = not_a_scalar(value)
                raise InputError(refused.message, where=self.where, hint=refused.hint)
        texts = [text_of(value) for value in row]
        rendered = "".join(part if isinstance(part, str) else texts[part] for part in segments)
        harmless = None if self.rules.shell == "allow" else self._with_harmless(segments, texts)
        manifests: list[Manifest] = []
        problems: list[Problem] = []
        short = texts[columns.naming[0]] if columns.naming else None
        try:
            documents = list(load_documents(rendered, self.source))
        except YamlError as error:
            raise YamlError(with_lines(error.problems, rendered)) from None
        constant = self._constant_documents(columns)
        for number, document in enumerate(documents):
            where = SourceLocation(self.source, document.line)
            for tree in flattened(document.data):
                expected = tree if harmless is None else next(harmless, None)
                problem = (
                    not_an_object(tree, where) or _bad_name(tree, where) or _bad_script(tree, expected, where)
                )
                if problem is not None:
                    problems.append(problem)
                    continue
                self.warnings += [
                    text for text in apply_edits(tree, self.rules.edits) if text not in self.warnings
                ]
                if len(constant) == len(documents) and constant[number] and _is_shared(tree):
                    shared = TextManifest(tree, where, None, None)
                    manifests += [] if shared.identity in self._shared else [shared]
                    self._shared.add(shared.identity)
                    continue
                if columns.item_column is not None:
                    for notes in item_annotations(tree):
                        notes.setdefault(ITEM_ANNOTATION, texts[columns.item_column])
                        if self.rules.key.annotation is not None:
                            notes.setdefault(KEY_ANNOTATION, self.rules.key.annotation)
                manifests.append(TextManifest(tree, where, item, short))
        if problems:
            raise InputError(problems)
        return manifests

    def _constant_documents(self, columns: RowColumns) -> list[bool]:
        """For each document of the template whether it is the same for all items."""
        try:
            chunks = list(split_documents(self.text, self.source))
        except InputError:
            return []
        split = [columns.split(chunk.text, self.where) for chunk in chunks]
        return [{part for part in parts if isinstance(part, int)} <= columns.constant for parts in split]

    def _with_harmless(self, segments: Sequence[str | int], texts: Sequence[str]) -> Iterator[Any] | None:
        """The objects of an item with a word, else nothing, in place of each value that is not harmless.

        None when all values are harmless; no objects when neither gives YAML.
        """
        harmless = [re.fullmatch(HARMLESS_VALUE, text) is not None for text in texts]
        if all(harmless):
            return None
        for word in ("x", ""):
            words = [text if fine else word for text, fine in zip(texts, harmless, strict=True)]
            rendered = "".join(part if isinstance(part, str) else words[part] for part in segments)
            try:
                documents = list(load_documents(rendered, self.source))
            except InputError:
                continue
            return (tree for document in documents for tree in flattened(document.data))
        return iter(())

    def _scanned(self, item: Item) -> tuple[tuple[str | int, ...], RowColumns]:
        names = names_of(item)
        if names not in self._columns:
            columns = RowColumns(names, self.values, self.overrides, self.rules.envsubst)
            segments = columns.split(self.text, self.where)
            if unused := columns.unused(self.text, self.where.file):
                raise InputError(unused)
            self._columns[names] = segments, columns
        return self._columns[names]


def _is_shared(tree: Mapping[str, Any]) -> bool:
    return tree["kind"] not in RUN_TO_COMPLETION


def _bad_name(tree: Mapping[str, Any], where: SourceLocation) -> Problem | None:
    metadata = tree.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    rule = name_rule(tree, ("metadata", "name"))
    if not isinstance(name, str) or rule is None or rule.accepts(name):
        return None
    wanted = f"expected {rule.words} of at most {rule.limit} characters, found {name!r}"
    return Problem(
        wanted, where, field="metadata.name", hint=f"without {option('--text')} names are made valid"
    )


def _bad_script(tree: Mapping[str, Any], constant: Any, where: SourceLocation) -> Problem | None:
    """A problem if code in ``tree`` is not what it is in ``constant``, where values are harmless words."""
    path = changed_code(tree, constant)
    if path is None:
        return None
    message = "a value could change what a script or another program runs"
    hint = f"pass it in an environment variable (env:), or allow it with {option('--allow-shell', True)}"
    return Problem(message, where, field=path_text(path), hint=hint)
