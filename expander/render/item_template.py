"""`$ITEM` templates: YAML with references to the item, compiled once for each set of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from expander.base.errors import (
    InputError,
    ItemError,
    Problem,
    SourceLocation,
    column_hint,
    shown_columns,
    suggest,
)
from expander.base.late_module import late_module
from expander.base.yaml import Chunk, MappingNode, Node, ScalarNode, compose, split_documents
from expander.items.block import ItemBlock
from expander.items.item import Item
from expander.render.compile import Rules, Split, compile_document, objects_of, unused_prefix
from expander.render.compiled import CompiledTemplate, Output, RenderedManifest
from expander.render.layout import json_text, json_texts
from expander.render.placeholder import COMMAND_SOURCE, Absent
from expander.render.references import PATTERN, Reference, pattern_with, scan
from expander.render.unused import unused_values

if TYPE_CHECKING:
    from expander.render import variables
else:  # for command lines
    variables = late_module("expander.render.variables")

ColumnNames: TypeAlias = "tuple[str, ...] | None"
Getter: TypeAlias = "Callable[[Any], Any]"
"""From an item to a value of it."""


class RowColumns:
    """The columns of a row for items with the same columns, found while a template is taken apart.

    ``split`` replaces references by column numbers; ``rows`` gives the values of items. ``item_column`` is
    the column with the item's whole text, ``naming`` the one that names it shortly, if there is one.
    ``problems`` are references that mean nothing; ``longer`` are names that only look like one.
    """

    def __init__(
        self,
        names: ColumnNames,
        values: Mapping[str, Any],
        overrides: Mapping[str, Any],
        envsubst: bool = False,
    ) -> None:
        self._pattern = pattern_with({**values, **overrides}) if envsubst else PATTERN
        self.constant: set[int] = set()
        self.used: set[str] = set()
        """Columns that are the same for all items."""
        self.names = names
        self.constants = {**values, **overrides}
        self.overrides = overrides
        self.numbers: dict[tuple[str | None, bool], int] = {}
        self.getters: list[Any] = []
        self.problems: list[Problem] = []
        self.longer: dict[str, None] = {}
        plain = self._plain_column()
        self.naming = () if plain is None else (plain,)
        self.item_column = self._column(("", False), _item_text) if names is not None else plain

    def split(self, text: str, where: SourceLocation) -> tuple[str | int, ...]:
        """The texts and numbers of columns that ``text`` consists of; unknown names become problems."""
        found = scan(text, self.names, self._pattern)
        self.longer.update(dict.fromkeys(found.longer))
        segments: list[str | int] = []
        for segment in found.segments:
            if isinstance(segment, str):
                segments.append(segment)
            else:
                number = self._resolve(segment, where)
                segments.append(segment.text if number is None else number)
        return tuple(segments)

    def columns(self, items: Sequence[Item]) -> list[Sequence[Any]]:
        """The values of the items, column by column."""
        if isinstance(items, ItemBlock):
            known = {_value: items.values, _place: items.places}
            return [known[get] if get in known else list(map(get, items)) for get in self.getters]
        rows: list[Any] = [item.value for item in items]
        by_name = {name: list(map(itemgetter(name), rows)) for name in self.names or ()}
        columns: list[Sequence[Any]] = []
        for (name, _), get in zip(self.numbers, self.getters, strict=True):
            if get is _item_text:
                columns.append(_item_texts(by_name))
            elif name in by_name and not self._is_constant(name):
                columns.append(by_name[name])
            else:
                columns.append(list(map(get, items)))
        return columns

    def unused(self, text: str, source: str) -> list[Problem]:
        """The problems of values that nothing in the template refers to, when it was taken apart."""
        used = {name for name, _ in self.numbers if name} | self.used
        return unused_values(self.constants, used, text, source, written="${ITEM.NAME}")

    def variable(self, column: int) -> str:
        """The environment variable that ``--shell env`` passes a column in."""
        name, index = next(key for key, number in self.numbers.items() if number == column)
        return "INDEX" if index else variables.variable_name(None if column in self.naming else name)

    def written(self, column: int) -> str:
        """How a template refers to a column."""
        name, index = next(key for key, number in self.numbers.items() if number == column)
        return "$INDEX" if index else "$ITEM" if not name or column in self.naming else f"${{ITEM.{name}}}"

    def holes(self, lines: Sequence[str], where: SourceLocation) -> Iterator[SourceLocation]:
        """The places of the references in ``lines``, the text of a template, from ``where`` on."""
        for number in range(max(where.line, 1), len(lines) + 1):
            for match in self._pattern.finditer(lines[number - 1]):
                behind = number > where.line or match.start() + 1 >= where.column
                if behind and not match["literal"] and not match["longer"]:
                    yield SourceLocation(where.file, number, match.start() + 1)

    def _resolve(self, reference: Reference, where: SourceLocation) -> int | None:
        name = reference.column
        if reference.index:
            return self._column((None, True), _place)
        if name is None:
            return self._plain(reference, where)
        if getter := self._getter(name) or self._as_json(name):
            number = self._column((name, False), getter)
            if constant := self._constant_of(name):
                self.constant.add(number)
                self.used.add(constant)
            return number
        known = [*(self.names or ()), *self.constants]
        what = (
            "items are plain values without columns"
            if self.names is None
            else f"columns are {shown_columns(known)}"
        )
        self._problem(f"unknown column {name!r} in {reference.text}; {what}", where, column_hint(name, known))
        return None

    def _is_constant(self, name: str) -> bool:
        return name in self.overrides or (name in self.constants and name not in (self.names or ()))

    def _constant_of(self, name: str) -> str | None:
        """The constant that a reference takes its value from, if it is one."""
        while name and not self._is_constant(name) and name not in (self.names or ()):
            name = name.rpartition("|" if "|" in name else ".")[0].strip()
        return name if self._is_constant(name) else None

    def _getter(self, name: str) -> Getter | None:
        """What finds the value of a column or constant, or of a part of it (``size.width``, ``tags.0``)."""
        if self._is_constant(name):
            constant = self.constants[name]
            return lambda _: constant
        if name in (self.names or ()):
            return lambda item: item.value[name]
        above, _, step = name.rpartition(".")
        outer = self._getter(above) if above and step else None
        return None if outer is None else lambda item: _part(outer(item), step, name)

    def _as_json(self, name: str) -> Getter | None:
        """The same for ``NAME|json`` and ``|json``: the value as JSON text."""
        column, bar, words = name.rpartition("|")
        if not bar or words.strip() != "json":
            return None
        if column.strip():
            getter = self._getter(column.strip())
        else:
            plain = self._plain_column()
            getter = (lambda item: item.value) if plain is None else self.getters[plain]
        return None if getter is None else lambda item: _json(getter(item))

    def _plain_column(self) -> int | None:
        """The column of a bare ``$ITEM``: the value, the column called item, or the only column."""
        if self.names is None:
            return self._column((None, False), _value)
        name = "item" if "item" in self.names else self.names[0] if len(self.names) == 1 else None
        if name is None:
            return None
        return self._column((name, False), lambda item: item.value[name])

    def _plain(self, reference: Reference, where: SourceLocation) -> int | None:
        column = self._plain_column()
        if column is None:
            known = shown_columns(self.names or ())
            suggestion = f"write ${{ITEM.{self.names[0]}}}" if self.names else None
            self._problem(
                f"{reference.text} is ambiguous: the items have the columns {known}", where, suggestion
            )
        return column

    def _problem(self, message: str, where: SourceLocation, hint: str | None) -> None:
        problem = Problem(message, where, hint=hint)
        if problem not in self.problems:
            self.problems.append(problem)

    def _column(self, key: tuple[str | None, bool], getter: Any) -> int:
        if key not in self.numbers:
            self.numbers[key] = len(self.getters)
            self.getters.append(getter)
        return self.numbers[key]


def _value(item: Item) -> Any:
    return item.value


def _place(item: Item) -> int:
    """The item's position in the batch, from 0."""
    return item.number - 1


def names_of(item: Item) -> ColumnNames:
    """The names of an item's columns, or None for a plain value."""
    return tuple(item.value) if isinstance(item.value, Mapping) else None


def _item_text(item: Item) -> str:
    """The item as the annotation keeps it: named columns as JSON."""
    return json_text(item.value)


def _item_texts(columns: Mapping[str, Sequence[Any]]) -> list[str]:
    """The same of many items with these columns, at least one."""
    pattern = ",".join([f"{json_text(name)}:".replace("%", "%%") + "%s" for name in columns])
    rows = zip(*map(json_texts, columns.values()), strict=True)
    return [f"{{{pattern}}}" % row for row in rows]


def _part(value: Any, step: str, name: str) -> Any:
    """The part of a mapping or list called ``step``."""
    if isinstance(value, Mapping) and step in value:
        return value[step]
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    if isinstance(value, Absent):
        return value
    close = suggest(step, value) if isinstance(value, Mapping) else None
    hint = f"did you mean {name[: -len(step)]}{close}?" if close else None
    return Absent(f"the item has no {name!r}", hint)


def _json(value: Any) -> Any:
    return value if isinstance(value, Absent) else json_text(value)


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
        self.text = text
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
            raise InputError("the template has no documents", where=SourceLocation(source))
        self._compiled: dict[ColumnNames, _Bound | InputError] = {}
        self._lacking: set[ColumnNames] = set()
        """Those that lack a column, with nothing else wrong."""

    def render(self, items: Sequence[Item], output: Output) -> Sequence[RenderedManifest | ItemError]:
        """The manifests of ``items``, item by item, document by document."""
        if isinstance(items, ItemBlock) or {type(item.value) for item in items} <= _SCALARS:
            return self._rendered(None, items, output)
        groups = [(names, list(group)) for names, group in groupby(items, names_of)]
        self._compile_for(dict.fromkeys(names for names, _ in groups))
        if len(groups) == 1:
            return self._rendered(groups[0][0], items, output)
        results: list[RenderedManifest | ItemError] = []
        for names, group in groups:
            results += self._rendered(names, group, output)
        return results

    @property
    def lacks_columns(self) -> bool:
        """Whether no item so far has all columns that the template refers to, and nothing else is wrong."""
        return bool(self._compiled) and all(
            isinstance(each, InputError) and names is not None and names in self._lacking
            for names, each in self._compiled.items()
        )

    def _compile_for(self, each: Iterable[ColumnNames]) -> None:
        """Compile the template for items with these columns.

        Columns that it cannot be compiled for are an error of the template, unless it was compiled for
        others: then these items lack what those have.
        """
        for names in each:
            if names not in self._compiled:
                try:
                    self._compiled[names] = self._compile(names)
                except InputError as error:
                    self._compiled[names] = error
        if not any(isinstance(each, _Bound) for each in self._compiled.values()):
            raise next(each for each in self._compiled.values() if isinstance(each, InputError))

    def _rendered(
        self, names: ColumnNames, items: Sequence[Item], output: Output
    ) -> Sequence[RenderedManifest | ItemError]:
        """The manifests of items with the same columns."""
        self._compile_for([names])
        bound = self._compiled[names]
        if isinstance(bound, _Bound):
            return bound.render(items, output)
        return [
            ItemError([replace(each, item=str(item)) for each in bound.problems], number=item.number)
            for item in items
        ]

    def _compile(self, names: ColumnNames) -> _Bound:
        columns = RowColumns(names, self.values, self.overrides, self.rules.envsubst)
        compiled_templates: list[CompiledTemplate] = []
        problems: list[Problem] = []
        for chunk, root in self._documents:
            for node, alone in objects_of(root):
                result = compile_document(
                    node,
                    self._splitter(columns, node),
                    self.rules,
                    item_columns=columns.naming,
                    item_column=columns.item_column,
                    source_text=chunk.text if alone else None,
                    prefix=self._prefix,
                    variable_of=columns.variable,
                    reference_of=columns.written,
                    holes_from=partial(columns.holes, self.text.split("\n")),
                    constant=columns.constant,
                )
                problems += result.problems
                if result.structural:
                    problems.append(
                        Problem("an item cannot set a kind or the name of a field", node.position)
                    )
                if result.compiled is not None:
                    compiled_templates.append(result.compiled)
                self._warn(result.kept)
        self._warn(f"{name} is not $ITEM and is left unchanged" for name in columns.longer)
        problems += columns.unused(self.text, self.source)
        if columns.problems and not problems:
            self._lacking.add(names)
        if problems := columns.problems + problems:
            raise InputError(problems)
        return _Bound(compiled_templates, columns)

    def _splitter(self, columns: RowColumns, root: Node) -> Split:
        """What takes the texts of a document apart.

        Names in the template of a command get, beside the columns that the command has, those that tell the
        items apart: nobody could write them there.
        """
        name = _name_of(root)
        if self.source != COMMAND_SOURCE or columns.names is None or name is None:
            return columns.split
        own = set(columns.names)
        known = [each for each in columns.split(name.text, name.position) if isinstance(each, int)]
        others = [
            each
            for each in columns.names
            if columns.numbers.get((each, False)) not in known and not set(each) & set("{}\n")
        ]
        if columns.numbers.get((None, True)) in known:
            return columns.split  # $INDEX

        def named(item: Item) -> str | int:
            """What the name says of an item, or its number where it has other columns."""
            if item.columns is None or not item.columns.keys() >= own:
                return item.number
            return "-".join(str(columns.getters[number](item)) for number in known)

        more = "".join(f"-${{ITEM.{each}}}" for each in self.rules.key.distinguishing(named, others))
        return lambda text, where: columns.split(text + more if where == name.position else text, where)

    def _warn(self, messages: Iterable[str]) -> None:
        for message in messages:
            if message not in self.warnings:
                self.warnings.append(message)


def _name_of(root: Node) -> ScalarNode | None:
    """What a document has as metadata.name."""
    for key in ("metadata", "name"):
        pairs = root.pairs if isinstance(root, MappingNode) else []
        found = [value for name, value in pairs if name.text == key]
        if not found:
            return None
        root = found[0]
    return root if isinstance(root, ScalarNode) else None


class _Bound:
    """The template compiled for items with the same columns."""

    def __init__(self, compiled_templates: list[CompiledTemplate], columns: RowColumns) -> None:
        self.compiled_templates = [compiled for compiled in compiled_templates if not compiled.shared]
        self.shared = [compiled for compiled in compiled_templates if compiled.shared]
        """Those whose manifest is not made yet."""
        self.columns = columns.columns

    def render(self, items: Sequence[Item], output: Output) -> Sequence[RenderedManifest | ItemError]:
        columns = self.columns(items)
        shared = self._once([[column[0]] for column in columns], output) if self.shared else []
        documents = [compiled.render(columns, items, output) for compiled in self.compiled_templates]
        if len(documents) == 1:
            return [*shared, *documents[0]] if shared else documents[0]
        merged = shared
        for results in zip(*documents, strict=True):
            errors = [result for result in results if isinstance(result, ItemError)]
            if errors:
                problems = [problem for error in errors for problem in error.problems]
                results = (ItemError(problems, number=errors[0].number),)
            merged += results
        return merged

    def _once(self, columns: list[list[Any]], output: Output) -> list[RenderedManifest | ItemError]:
        """The manifests that all items share. Raises InputError when a value does not fit."""
        shared, self.shared = self.shared, []
        made: list[RenderedManifest | ItemError] = []
        for compiled in shared:
            (result,) = compiled.render(columns, [None], output)
            if isinstance(result, ItemError):
                raise InputError(result.problems)
            made.append(result)
        return made
