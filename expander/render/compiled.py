"""A compiled document of a template, and the manifests that rows put into it give.

Rows whose values are all harmless (`safe_patterns`) are copied into constant text, thousands at once; any
other row takes the exact way, placeholder by placeholder. Both give the same bytes. The text and tree of a
manifest are made when asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any, Final, Literal, TypeAlias, overload

from expander.base.errors import ItemError, Problem, SourceLocation
from expander.base.regex import Texts, regex
from expander.items.item import item_number
from expander.manifests.manifest import Manifest
from expander.render.layout import FlatLayout, Layout
from expander.render.placeholder import (
    Placeholder,
    Row,
    Style,
    ValueRefused,
    all_of,
    safe_patterns,
    text_of,
)
from expander.render.plain_scalars import Values, alike, is_open, needs_quotes

_decode: Final = json.JSONDecoder().raw_decode
"""What `json.loads` does, for a text that begins with the value."""


class RenderedManifest(Manifest):
    """One row put into a compiled template.

    ``output`` says what ``text`` already is, ``json`` or ``yaml``; the other form is made when asked for.
    """

    __slots__ = ("_output", "_text", "compiled", "identity", "row")
    identity: str

    def __init__(
        self,
        compiled: CompiledTemplate,
        row: tuple[Any, ...],
        identity: str,
        output: str,
        text: str,
        item: object | None,
    ) -> None:
        self.compiled = compiled
        self.row = row
        self.identity = identity
        self.item = item
        self._output = output
        self._text = text
        self._tree = None
        self.where = compiled.where

    @property
    def tree(self) -> Mapping[str, Any]:
        """The object as plain JSON data."""
        if self._tree is None:
            self._tree, _ = _decode(self.json())
        assert self._tree is not None
        return self._tree

    @property
    def kind(self) -> str:
        """The object's kind."""
        return self.identity.split("\n", 1)[0]

    @property
    def api_version(self) -> str:
        """The object's apiVersion."""
        compiled = self.compiled
        if compiled.api_version is not None:
            return compiled.api_version
        found = super().api_version
        if not any(each.path[:1] in ((), ("apiVersion",)) for each in compiled.placeholders):
            compiled.api_version = found
        return found

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.identity.rsplit("\n", 1)[1]

    @property
    def item_text(self) -> str | None:
        """A short text of the item for file names; None when nothing of the item is known."""
        columns = self.compiled.item_columns
        return None if not columns else "-".join(text_of(self.row[column]) for column in columns)

    @property
    def size(self) -> int:
        """Characters of the text that is made already."""
        return len(self._text)

    def json(self) -> str:
        """The object as one line of JSON, keys in the template's order."""
        return self._text if self._output == "json" else self.compiled.text(self.row, "json")

    def yaml(self) -> str:
        """The object as one YAML document; a YAML template's comments and key order are kept."""
        return self._text if self._output == "yaml" else self.compiled.text(self.row, "yaml")


Output: TypeAlias = Literal["json", "yaml"]


class RenderedBlock(Sequence[RenderedManifest]):
    """Many rows put into one compiled template at once; the manifests are made when asked for.

    ``columns`` have a value for each row, ``texts`` the same as text; ``values`` are those of placeholders
    that are computed, by token; ``quoted`` are plain scalars that need quotes.
    """

    __slots__ = (
        "_first",
        "_gaps",
        "_made",
        "_most",
        "_quoted",
        "_texts",
        "_values",
        "columns",
        "compiled",
        "items",
        "output",
    )

    def __init__(
        self,
        compiled: CompiledTemplate,
        columns: Sequence[Sequence[Any]],
        items: Sequence[object | None],
        output: Output,
        texts: Sequence[Sequence[str]],
        values: Mapping[str, Sequence[Any]],
        quoted: Collection[str],
    ) -> None:
        self.compiled = compiled
        self.items = items
        self.output = output
        self.columns = columns
        self._texts = texts
        self._values = values
        self._quoted = frozenset(quoted)
        self._made: list[RenderedManifest] | None = None
        self._first: RenderedManifest | None = None
        self._most: int | None = None
        self._gaps: dict[str, list[Sequence[str]]] = {}
        """What goes into the gaps of a layout, when it was asked for."""

    @property
    def identities(self) -> list[str]:
        """The identity of each manifest."""
        return self._plan("identity").fill(self._filled("identity"), len(self.items))

    @property
    def names(self) -> tuple[tuple[str, ...], Sequence[Any]] | None:
        """The texts around the one value that tells identities apart, and that value of each manifest.

        None where more than one does, or none.
        """
        plan = self._plan("identity")
        (column,) = set(plan.gaps) if plan.single else (None,)
        if not isinstance(column, int):
            return None
        values = self.columns[column]
        return tuple(plan.constants), values if isinstance(values, range) else self._texts[column]

    @property
    def kind(self) -> str:
        """The kind of each manifest."""
        return self._plan("identity").constants[0].partition("\n")[0]

    @property
    def item_texts(self) -> Sequence[str] | None:
        """A short text of each item for file names; None when nothing of the items is known."""
        columns = [self._texts[column] for column in self.compiled.item_columns]
        return list(map("-".join, zip(*columns, strict=True))) if columns else None

    @property
    def texts(self) -> list[str]:
        """The text of each manifest."""
        return self._plan(self.output).fill(self._filled(self.output), len(self.items))

    @property
    def most(self) -> int:
        """Characters that no manifest's text exceeds."""
        if self._most is None:
            self._most = self._plan(self.output).most(self._filled(self.output))
        return self._most

    def values_of(self, placeholder: Placeholder) -> Sequence[Any]:
        """What each manifest has in one placeholder."""
        if placeholder.token in self._values:
            return self._values[placeholder.token]
        return _joined(placeholder, self._texts)

    def has_all_in(self, placeholder: Placeholder, texts: Texts) -> bool:
        """Whether what each manifest has in one placeholder is among ``texts``."""
        if placeholder.token in self._values or len(placeholder.columns) > 1:
            return texts.has_all(list(map(text_of, self.values_of(placeholder))))
        (column,) = placeholder.columns
        before, behind = placeholder.joined(["\0"]).split("\0")
        return texts.has_all(self._texts[column], before, behind)

    def joined(self, before: str, after: str) -> str:
        """The texts of all manifests, each between ``before`` and ``after``."""
        filled = self._filled(self.output)
        return self._plan(self.output).joined(filled, len(self.items), before, after)

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, at: int) -> RenderedManifest: ...
    @overload
    def __getitem__(self, at: slice) -> list[RenderedManifest]: ...
    def __getitem__(self, at: int | slice) -> RenderedManifest | list[RenderedManifest]:
        if at != 0 or self._made is not None:
            return self._all()[at]
        if self._first is None:
            (self._first,) = self._manifests(1)
        return self._first

    def __iter__(self) -> Iterator[RenderedManifest]:
        return iter(self._all())

    def _all(self) -> list[RenderedManifest]:
        if self._made is None:
            self._made = self._manifests(len(self.items))
            if self._first is not None:
                self._made[0] = self._first  # each manifest is one object, whoever asked for it first
        return self._made

    def _manifests(self, count: int) -> list[RenderedManifest]:
        rows: Iterable[Row] = zip(*self.columns, strict=True) if self.columns else repeat((), count)
        identities, manifests = (
            self._plan(name).fill([texts[:count] for texts in self._filled(name)], count)
            for name in ("identity", self.output)
        )
        own, output = repeat(self.compiled), repeat(self.output)
        return list(map(RenderedManifest, own, rows, identities, output, manifests, self.items))

    def _filled(self, name: str) -> list[Sequence[str]]:
        if name not in self._gaps:
            self._gaps[name] = self._plan(name).filled(self._texts, self._values)
        return self._gaps[name]

    def _plan(self, name: str) -> FlatLayout:
        return self.compiled.plan(name, frozenset(self._values), self._quoted)


def _joined(placeholder: Placeholder, texts: Sequence[Sequence[str]]) -> Sequence[str]:
    """What each row has in a placeholder whose columns have these texts and are copied."""
    if placeholder.whole:
        return texts[placeholder.columns[0]]
    pattern = "".join(
        ["%s" if isinstance(part, int) else part.replace("%", "%%") for part in placeholder.segments]
    )
    rows = zip(*[texts[column] for column in placeholder.columns], strict=True)
    return [pattern % row for row in rows]


# What a literal block takes as it is: no line breaks, no controls, and no blank at the start.
_LITERAL_SAFE = regex(
    r"[^\s\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]"
    r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]*"
)


def _in_block(placeholder: Placeholder, values: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Whether a literal block may hold the raw texts: as they are, they are the value."""
    own = [texts[column] for column in placeholder.columns]
    return all(map(_LITERAL_SAFE.fullmatch, own)) and values[placeholder.token] == placeholder.joined(own)


class CompiledTemplate:
    """One document of a template, compiled.

    ``placeholders`` are numbered as in the layouts. ``layouts`` makes the layout of a name: ``json``,
    ``yaml`` (literal blocks kept), ``yaml flat`` (placeholders in literal blocks quoted) or ``identity``.
    ``item_columns`` are the columns whose text is the item's; ``locate`` gives the place of a field in the
    template. ``shared`` says that the manifest is the same for all items, and made once for them.
    """

    def __init__(
        self,
        placeholders: Sequence[Placeholder],
        locate: Callable[[Sequence[str | int]], SourceLocation],
        item_columns: tuple[int, ...],
        layouts: Callable[[str], Layout],
        shared: bool = False,
    ) -> None:
        self.placeholders = placeholders
        self.shared = shared
        self.locate = locate
        self.where = locate(())
        self.item_columns = item_columns
        self.api_version: str | None = None
        """That of all its manifests, once it is known."""
        self._make = layouts
        self._layouts: dict[str, Layout] = {}
        self._plans: dict[tuple[str, frozenset[str], frozenset[str]], FlatLayout] = {}

    def layout(self, name: str) -> Layout:
        """The layout called ``name``, made when first asked for."""
        if name not in self._layouts:
            self._layouts[name] = self._make(name)
        return self._layouts[name]

    def render(
        self, columns: Sequence[Sequence[Any]], items: Sequence[object | None], output: Output
    ) -> Sequence[RenderedManifest | ItemError]:
        """One manifest, or the error of its item, for each item; ``columns`` have a value for each."""
        done = self._copy(columns, items, output)
        if done is not None:
            return done
        rows: list[Row] = list(zip(*columns, strict=True)) if columns else [()] * len(items)
        if len(rows) > 1:
            return [
                self.render([[value] for value in row], [item], output)[0]
                for row, item in zip(rows, items, strict=True)
            ]
        return [self._exact(rows[0], items[0], output)]

    def text(self, row: Row, output: Output) -> str:
        """The manifest of one row that is known to be good."""
        return self._write(
            row, {placeholder.token: placeholder.value(row) for placeholder in self.placeholders}, output
        )

    def _exact(self, row: Row, item: object | None, output: Output) -> RenderedManifest | ItemError:
        values: dict[str, Any] = {}
        problems: list[Problem] = []
        for placeholder in self.placeholders:
            try:
                values[placeholder.token] = placeholder.value(row)
            except ValueRefused as error:
                named = None if item is None else str(item)
                problems.append(
                    Problem(
                        error.message,
                        error.where or placeholder.where,
                        named,
                        placeholder.field,
                        error.hint,
                    )
                )
        keys = [
            (placeholder.path[:-1], values.get(placeholder.token))
            for placeholder in self.placeholders
            if placeholder.is_key
        ]
        if len(set(keys)) < len(keys) and not problems:
            problems.append(
                Problem("two keys of a mapping became the same", self.where, str(item or "") or None)
            )
        if problems:
            return ItemError(problems, number=item_number(item))
        identity = self.layout("identity").fill(values, ())
        return RenderedManifest(self, row, identity, output, self._write(row, values, output), item)

    def _write(self, row: Row, values: dict[str, Any], output: Output) -> str:
        texts = [text_of(value) for value in row]
        name: str = output
        if output == "yaml" and not all(
            _in_block(placeholder, values, texts) for placeholder in self._literals
        ):
            name = "yaml flat"
        return self.layout(name).fill(values, texts)

    def _copy(
        self, columns: Sequence[Sequence[Any]], items: Sequence[object | None], output: Output
    ) -> RenderedBlock | None:
        """All rows at once, else None.

        A placeholder is copied when all its values are harmless, else computed for each row; a refused value,
        and a literal block with something to escape, need the exact way.
        """
        if sum(placeholder.is_key for placeholder in self.placeholders) > 1:
            return None  # two keys may become the same
        made: dict[int, Sequence[str]] = {}
        for column in columns:
            if id(column) in made:
                continue
            types = set(map(type, column))
            if not all(issubclass(kind, (str, int, float)) for kind in types):
                return None
            as_text = repr if types == {int} else text_of
            made[id(column)] = column if types == {str} else list(map(as_text, column))
        texts = [made[id(column)] for column in columns]
        risky = {column for column, harmless in self._harmless if not harmless.has_all(texts[column])}
        if risky and not risky.isdisjoint(self._literal_columns):
            return None
        computed = [
            placeholder
            for placeholder, patterns in zip(self.placeholders, self._safe, strict=True)
            if patterns is None or (risky and not risky.isdisjoint(placeholder.columns))
        ]
        values: dict[str, Sequence[Any]] = {}
        if computed:
            rows: list[Row] = list(zip(*columns, strict=True)) if columns else [()] * len(items)
            try:
                values = {placeholder.token: list(map(placeholder.value, rows)) for placeholder in computed}
            except ValueRefused:
                return None
        quoted = self._quoted(texts, values) if output == "yaml" and self._open else ()
        return RenderedBlock(self, columns, items, output, texts, values, quoted)

    def _quoted(self, texts: Sequence[Sequence[str]], values: dict[str, Sequence[Any]]) -> list[str]:
        """The tokens of plain scalars that need quotes; those that only some rows do get ``values``."""
        known: dict[int, Values] = {}
        quoted = []
        for placeholder in self._open:
            if placeholder.token in values:
                continue
            for column in placeholder.columns:
                if column not in known:
                    known[column] = alike(texts[column])
            quotes = needs_quotes(placeholder, [known[column] for column in placeholder.columns])
            if quotes is None:
                values[placeholder.token] = _joined(placeholder, texts)
            elif quotes:
                quoted.append(placeholder.token)
        return quoted

    def plan(self, name: str, computed: frozenset[str], quoted: frozenset[str]) -> FlatLayout:
        """The layout called ``name`` for many rows.

        The placeholders ``computed`` are not copied, the plain scalars ``quoted`` need quotes.
        """
        key = name, computed, quoted
        if key not in self._plans:
            self._plans[key] = self.layout(name).plan(computed, quoted)
        return self._plans[key]

    @cached_property
    def _safe(self) -> list[dict[int, list[str]] | None]:
        return [safe_patterns(placeholder) for placeholder in self.placeholders]

    @cached_property
    def _harmless(self) -> list[tuple[int, Texts]]:
        wanted: dict[int, list[str]] = {}
        for patterns in self._safe:
            for column, found in (patterns or {}).items():
                wanted.setdefault(column, []).extend(found)
        return [(column, all_of(patterns)) for column, patterns in wanted.items()]

    @cached_property
    def _open(self) -> list[Placeholder]:
        """The plain scalars whose values decide whether they need quotes."""
        return [
            placeholder
            for placeholder, patterns in zip(self.placeholders, self._safe, strict=True)
            if patterns is not None and is_open(placeholder)
        ]

    @cached_property
    def _literals(self) -> list[Placeholder]:
        return [placeholder for placeholder in self.placeholders if placeholder.style is Style.LITERAL]

    @cached_property
    def _literal_columns(self) -> list[int]:
        return [column for placeholder in self._literals for column in placeholder.columns]
