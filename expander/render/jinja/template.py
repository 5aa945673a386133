"""Jinja2 templates: rendered piece by piece, each document matched with one compiled before.

A document is known by its constant text; the values an expression printed are its row. So a template is
parsed as YAML once for each constant text, and values are put in as data: nothing a value holds can change
the structure of a manifest. A value in a place that decides the structure (a kind, a field's name, an anchor)
counts as constant text; a value in a comment is no part of the manifest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeAlias

from jinja2 import TemplateSyntaxError, UndefinedError

from expander.base.errors import InputError, ItemError, Problem, SourceLocation, suggest
from expander.base.option_names import option
from expander.base.yaml import compose, construct, split_documents
from expander.base.yaml.rendered_line import with_lines
from expander.base.yaml.writer import json_text
from expander.items.item import Item
from expander.manifests.manifest import path_text
from expander.render.compile import Rules, compile_document, objects_of, unused_prefix
from expander.render.compiled import CompiledTemplate, Output, RenderedManifest
from expander.render.jinja.code import (
    first_changed_code,
    harmless,
    marks,
    with_dollars,
    with_mark,
    writes_structure,
)
from expander.render.jinja.documents import Documents, Key
from expander.render.jinja.env import Environment, names_used
from expander.render.jinja.generator import Columns
from expander.render.layout import json_text as line_of_json
from expander.render.placeholder import Row, text_of
from expander.render.unused import unused_values

_LIMIT = 2000
TOO_DEEP = "expressions, blocks or calls are nested too deeply"
_JUNK = "# {\"x': ["  # changes any YAML but a comment


class TemplateCache:
    """Compiled templates by shape; at most some thousands are kept."""

    def __init__(self, source: str, rules: Rules) -> None:
        self.source = f"{source} (rendered)"
        self.rules = rules
        self.warnings: list[str] = []
        self._found: dict[tuple[Key, tuple[str, ...]], tuple[list[CompiledTemplate], list[int]]] = {}
        self._pinned: dict[Key, set[int]] = {}
        self._plain: dict[Key, list[CompiledTemplate]] = {}
        """Documents without a pinned column or one in a comment: most, and found at once."""
        self._good = False

    def find(self, key: Key, row: Row, has_item: bool) -> tuple[list[CompiledTemplate], Row]:
        """The compiled_templates of a document and the row for them; raises ItemError or InputError."""
        plain = self._plain.get(key)
        if plain is not None:
            return plain, row
        while True:
            pinned = sorted(self._pinned.get(key, ()))
            shape = (key, tuple(text_of(row[column]) for column in pinned))
            found = self._found.get(shape)
            if found is None:
                found = self._compile(key, row, set(pinned), has_item)
            if found is not None:
                break
        compiled_templates, comments = found
        self._found[shape] = found
        if not pinned and not comments:
            self._plain[key] = compiled_templates
        for column in comments:
            if len(text_of(row[column]).splitlines()) > 1:
                raise ItemError(
                    Problem(
                        f"{text_of(row[column])!r} in a comment has a line break", SourceLocation(self.source)
                    )
                )
        return compiled_templates, row

    def find_all(self, documents: Columns) -> CompiledTemplate | None:
        """The compiled template of all these documents; None where there is not one for all."""
        compiled_templates, _ = self.find(
            documents.texts, tuple([each[0] for each in documents.values]), False
        )
        is_plain = documents.texts in self._plain and len(compiled_templates) == 1
        return compiled_templates[0] if is_plain else None

    def _compile(
        self, key: Key, row: Row, pinned: set[int], has_item: bool
    ) -> tuple[list[CompiledTemplate], list[int]] | None:
        """Compiled templates and columns in comments, or None when more columns had to be pinned."""
        if len(self._found) > _LIMIT:
            self._found.clear()
            self._plain.clear()
        prefix = unused_prefix("".join([*key, *(text_of(row[column]) for column in pinned)]))
        tokens = [text_of(row[n]) if n in pinned else f"{prefix}v{n}z" for n in range(len(key) - 1)]
        token = re.compile(f"{prefix}v([0-9]+)z")

        def split(text: str, _: SourceLocation) -> tuple[str | int, ...]:
            pieces = token.split(text)
            mixed = [int(piece) if number % 2 else piece for number, piece in enumerate(pieces)]
            return tuple(piece for piece in mixed if piece != "")

        def filled(text: str) -> str:
            return token.sub(lambda found: text_of(row[int(found[1])]), text)

        item_column = len(row) - 1 if has_item else None
        problems: list[Problem] = []
        compiled_templates: list[CompiledTemplate] = []
        missing = set(range(len(key) - 1)) - pinned
        structural: set[int] = set()
        text = _text(key, tokens)
        try:
            for chunk in split_documents(text, self.source):
                root = compose(chunk.text, self.source, chunk.line)
                for node, _ in objects_of(root) if root is not None else ():
                    result = compile_document(
                        node,
                        split,
                        self.rules,
                        item_columns=(),
                        item_column=item_column,
                        source_text=None,
                        prefix=prefix,
                        constant=() if has_item and len(key) == 1 else None,
                    )
                    problems += result.problems
                    missing -= result.found
                    structural |= result.structural
                    if result.compiled is not None:
                        compiled_templates.append(result.compiled)
                    self.warnings += [text for text in result.kept if text not in self.warnings]
        except InputError as error:
            problems += with_lines(error.problems, text, filled)
        if problems:
            raise self._error(problems)
        if missing and not self._are_comments(key, tokens, missing):
            structural |= missing
        if structural:
            self._pinned.setdefault(key, set()).update(structural)
            return None
        self._good = True
        return compiled_templates, sorted(missing)

    def _are_comments(self, key: Key, tokens: list[str], columns: set[int]) -> bool:
        """Whether nothing put into ``columns`` shows in the data."""
        junk = [_JUNK if number in columns else token for number, token in enumerate(tokens)]
        try:
            return self.data(_text(key, junk)) == self.data(_text(key, tokens))
        except InputError:
            return False

    def data(self, text: str) -> list[Any]:
        """The objects of a document. Raises InputError."""
        roots = [compose(chunk.text, self.source, chunk.line) for chunk in split_documents(text, self.source)]
        return [construct(root) for root in roots if root is not None]

    def _error(self, problems: list[Problem]) -> InputError | ItemError:
        return ItemError(problems) if self._good else InputError(problems)


def _text(key: Key, tokens: list[str]) -> str:
    pieces = [key[0]]
    for token, constant in zip(tokens, key[1:], strict=True):
        pieces += [token, constant]
    return "".join(pieces)


_CHUNK = 512
_SPECIAL = ("caller", "kwargs", "loop", "self", "super", "varargs")
"""Names that Jinja2 defines where they have a meaning."""

Work: TypeAlias = "tuple[list[CompiledTemplate], Row, Item | None]"


class JinjaTemplate:
    """A Jinja2 template.

    ``text`` is the template, ``source`` what to call it in messages; ``load`` gives the text of
    templates it includes. ``values`` are defined for every item, ``overrides`` win over an item's columns.
    """

    def __init__(
        self,
        text: str,
        source: str,
        rules: Rules,
        values: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
        load: Callable[[str], str | None] | None = None,
    ) -> None:
        self.source = source
        self.values = dict(values or {})
        self.overrides = dict(overrides or {})
        self._environment = Environment(load)
        try:
            self._parsed = self._environment.parse(text, source, source)
            self._template = self._environment.from_string(self._parsed)
        except TemplateSyntaxError as error:
            name = error.name or source
            raise InputError(
                error.message or "not a Jinja2 template", where=SourceLocation(name, error.lineno)
            ) from error
        except (RecursionError, SyntaxError, MemoryError) as error:
            raise InputError(TOO_DEEP, where=SourceLocation(source)) from error
        self._split = Documents(self._environment)
        self._seen = TemplateCache(source, rules)
        self._may_run_values = rules.shell == "allow"
        self._shared: set[Key] = set()
        """Documents that no item changes and whose manifests are made."""
        self._check_values(text)

    @property
    def warnings(self) -> list[str]:
        """What of the template was kept although a flag asked otherwise."""
        return self._seen.warnings

    lacks_columns = False
    """Items are refused one by one."""

    def render(self, items: Sequence[Item], output: Output) -> Sequence[RenderedManifest | ItemError]:
        """The manifests of ``items``; all documents of an item, or its error."""
        work: list[Work | ItemError] = []
        for item in items:
            try:
                variables = self._variables(item)
                text = _item_text(item)
                documents = list(self._documents(variables))
                self._check_code(documents, item, variables)
                documents = self._with_dollars(documents, item, variables)
                made = [(*self._seen.find(key, (*row, text), True), item) for key, row in documents]
                for (key, _), entry in zip(documents, made, strict=True):
                    if len(key) > 1 or not _is_shared(entry):
                        work.append(entry)
                    elif key not in self._shared:
                        self._shared.add(key)
                        work.append((*entry[:2], None))
            except ItemError as error:
                problems = [replace(p, item=p.item or str(item)) for p in error.problems]
                work.append(ItemError(problems, number=item.number))
            except InputError:
                raise
            except Exception as error:  # whatever the template's own code raises
                problems = self._problems(error, variables, str(item))
                work.append(ItemError(problems, number=item.number))
        return _in_order(work, output)

    def render_alone(self, output: Output) -> Iterator[Sequence[RenderedManifest | ItemError]]:
        """The manifests of a template that brings its own parameters, as they are rendered."""
        variables = {**self.values, **self.overrides}
        documents = self._split.blocks(self._printed(variables))
        while True:
            chunk: list[tuple[Key, Row] | Columns] = []
            count = 0
            try:
                for found in documents:
                    chunk.append(found)
                    count += len(found.values[0]) if type(found) is Columns else 1
                    if count >= _CHUNK:
                        break
            except Exception as error:
                raise InputError(self._problems(error, variables, None)) from error
            if not chunk:
                return
            yield from self._rendered(chunk, output)

    def _rendered(
        self, documents: Sequence[tuple[Key, Row] | Columns], output: Output
    ) -> Iterator[Sequence[RenderedManifest | ItemError]]:
        """The manifests of documents without items."""
        work: list[Work | ItemError] = []
        for found in documents:
            alike = self._seen.find_all(found) if type(found) is Columns else None
            if type(found) is Columns and alike is not None:
                if work:
                    yield _in_order(work, output)
                    work = []
                yield alike.render(found.values, [None] * len(found.values[0]), output)
            else:
                rows = found.pairs() if type(found) is Columns else (found,)
                work += [(*self._seen.find(key, row, False), None) for key, row in rows]
        if work:
            yield _in_order(work, output)

    def _check_values(self, text: str) -> None:
        """Raise InputError for values that the template and what it includes never mention."""
        given = {**self.values, **self.overrides}
        used = self._environment.mentioned(self._parsed) if given else None
        if used is not None:
            problems = unused_values(given, used, text, self.source, written="{{ NAME }}")
            if problems:
                raise InputError(problems)

    @cached_property
    def _writes_structure(self) -> bool:
        return writes_structure(self._parsed)

    def _variables(self, item: Item) -> dict[str, Any]:
        return {**self.values, **self._given(item)}

    def _given(self, item: Item) -> dict[str, Any]:
        """What is not the template's own."""
        return {"index": item.number - 1, "item": item.value, **(item.columns or {}), **self.overrides}

    def _documents(self, variables: Mapping[str, Any]) -> Iterator[tuple[Key, Row]]:
        return self._split.split(self._printed(variables))

    def _printed(self, variables: Mapping[str, Any]) -> Iterator[Any]:
        context = self._template.new_context({**self._environment.globals, **variables}, shared=True)
        return self._template.root_render_func(context)

    def _check_code(
        self, documents: Sequence[tuple[Key, Row]], item: Item, variables: Mapping[str, Any]
    ) -> None:
        """Raise ItemError if a layout filter lets the item change code (see `code`)."""
        if self._may_run_values or not self._writes_structure:
            return
        given = self._given(item)
        plain = {name: harmless(value) for name, value in given.items()}
        if all(plain[name] is value for name, value in given.items()):
            return
        try:
            others = list(self._documents({**variables, **plain}))
            path = first_changed_code(
                [_text(key, [f"x{n}x" for n in range(len(key) - 1)]) for key, _ in documents],
                [_text(key, [f"x{n}x" for n in range(len(key) - 1)]) for key, _ in others],
                self._seen.data,
            )
        except InputError:
            return  # the document itself is not YAML: compiling says so
        if path is not None:
            raise ItemError(
                Problem(
                    "a value could change what a script or another program runs",
                    SourceLocation(self.source),
                    str(item),
                    path_text(path),
                    "print it without tojson, toyaml, indent and safe, pass it in an environment variable, "
                    f"or allow it with {option('--allow-shell', True)}",
                )
            )

    def _with_dollars(
        self, documents: list[tuple[Key, Row]], item: Item, variables: Mapping[str, Any]
    ) -> list[tuple[Key, Row]]:
        """``documents`` in which dollars of the item are values, so that they are escaped where it matters.

        Raises ItemError when it cannot be told where they are.
        """
        constants = "".join(part for key, _ in documents for part in key) if self._writes_structure else ""
        if "$" not in constants or "$" not in (text := json_text(given := self._given(item))):
            return documents
        for mark in marks(constants + text):
            others = list(
                self._documents({**variables, **{name: with_mark(v, mark) for name, v in given.items()}})
            )
            found = [
                with_dollars(key, row, other, mark)
                for (key, row), (other, _) in zip(documents, others, strict=False)
            ]
            if None not in found and len(others) == len(documents):
                return [each for each in found if each is not None]
        raise ItemError(
            Problem(
                "the template makes something else of a $ in the item, so $(NAME) cannot be escaped",
                SourceLocation(self.source),
                str(item),
                hint="print values without tojson, toyaml, indent and safe",
            )
        )

    def _problems(self, error: Exception, variables: Mapping[str, Any], item: str | None) -> list[Problem]:
        where = self._line_of(error)
        problems: list[Problem] = []
        if isinstance(error, UndefinedError):
            known = {*variables, *self._environment.globals, *_SPECIAL}
            stored = {name for name, line in names_used(self._parsed, "store")}
            for name, line in names_used(self._parsed, "load"):
                if name not in known and name not in stored:
                    close = suggest(name, [*variables, *stored])
                    hint = f"did you mean {close!r}?" if close else _known_words(variables)
                    problem = Problem(
                        f"{name!r} is undefined", SourceLocation(self.source, line), item, hint=hint
                    )
                    if problem not in problems:
                        problems.append(problem)
        if not problems:
            kind = "" if isinstance(error, UndefinedError) else f"{type(error).__name__}: "
            deep = isinstance(error, (RecursionError, SyntaxError, MemoryError))
            problems.append(Problem(TOO_DEEP if deep else f"{kind}{error}", where, item))
        return problems

    def _line_of(self, error: Exception) -> SourceLocation:
        """The innermost line of a template that an exception came through."""
        where = SourceLocation(self.source)
        trace = error.__traceback__
        while trace is not None:
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            if template is not None:
                line = template.get_corresponding_lineno(trace.tb_lineno)
                where = SourceLocation(template.name or self.source, line)
            trace = trace.tb_next
        return where


def _in_order(work: Sequence[Work | ItemError], output: Output) -> Sequence[RenderedManifest | ItemError]:
    """Rows rendered compiled by compiled, given back in the order of the work."""
    rows: dict[int, tuple[CompiledTemplate, list[Row], list[Item | None]]] = {}
    for entry in work:
        if not isinstance(entry, ItemError):
            for compiled in entry[0]:
                _, known, items = rows.setdefault(id(compiled), (compiled, [], []))
                known.append(entry[1])
                items.append(entry[2])
    done = {
        number: compiled.render(list(zip(*known, strict=True)), items, output)
        for number, (compiled, known, items) in rows.items()
    }
    if len(done) == 1:
        (results,) = done.values()
        if len(results) == len(work) or len(results) == sum(
            1 if isinstance(entry, ItemError) else len(entry[0]) for entry in work
        ):
            return results
    following = {number: iter(results) for number, results in done.items()}
    return [
        result
        for entry in work
        for result in (
            [entry]
            if isinstance(entry, ItemError)
            else [next(following[id(compiled)]) for compiled in entry[0]]
        )
    ]


def _is_shared(entry: Work) -> bool:
    """Whether all objects of a document are the same for all items."""
    return bool(entry[0]) and all(compiled.shared for compiled in entry[0])


def _item_text(item: Item) -> str:
    if item.columns is None:
        return str(item.value)
    return line_of_json(item.value)


def _known_words(variables: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(variables)) or "none"
    return f"defined are: {names}"
