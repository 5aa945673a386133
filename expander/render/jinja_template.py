"""Jinja2 templates: rendered piece by piece, each document matched with a skeleton seen before.

A document is known by its constant text; the values an expression printed are its row. So a template
is parsed as YAML once for each shape it takes, and values are put in as data: nothing a value holds
can change the structure of a manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from jinja2 import TemplateSyntaxError, UndefinedError

from expander.base.errors import InputError, ItemError, Position, Problem, nearest
from expander.items.item import Item
from expander.render.compile import Rules
from expander.render.hole import Row
from expander.render.jinja_env import Data, Environment, Native, names_used
from expander.render.rendered import Rendered
from expander.render.shapes_seen import Key, ShapesSeen
from expander.render.skeleton import Output, Skeleton

_CHUNK = 512
_SEPARATOR = re.compile(r"(?:\A|(?<=\n))---[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
Work: TypeAlias = "tuple[list[Skeleton], Row, Item | None]"


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
            self._template = self._environment.from_string(text)
        except TemplateSyntaxError as error:
            name = error.name or source
            raise InputError(
                error.message or "not a Jinja2 template", where=Position(name, error.lineno)
            ) from error
        self._seen = ShapesSeen(source, rules)

    @property
    def warnings(self) -> list[str]:
        """What of the template was kept although a flag asked otherwise."""
        return self._seen.warnings

    def render(self, items: Sequence[Item], output: Output) -> list[Rendered | ItemError]:
        """The manifests of ``items``; all documents of an item, or its error."""
        work: list[Work | ItemError] = []
        for item in items:
            try:
                variables = self._variables(item)
                text = _item_text(item)
                made = [
                    (*self._seen.find(key, (*row, text), True), item)
                    for key, row in self._documents(variables)
                ]
                work += made
            except ItemError as error:
                work.append(error)
            except InputError:
                raise
            except Exception as error:  # whatever the template's own code raises
                work.append(ItemError(self._problems(error, variables, str(item))))
        return list(_in_order(work, output))

    def render_alone(self, output: Output) -> Iterator[Rendered | ItemError]:
        """The manifests of a template that brings its own parameters, as they are rendered."""
        work: list[Work | ItemError] = []
        variables = {**self.values, **self.overrides}
        documents = self._documents(variables)
        while True:
            try:
                found = next(documents, None)
            except Exception as error:
                raise InputError(self._problems(error, variables, None)) from error
            if found is None:
                break
            work.append((*self._seen.find(*found, False), None))
            if len(work) == _CHUNK:
                yield from _in_order(work, output)
                work = []
        yield from _in_order(work, output)

    def _variables(self, item: Item) -> dict[str, Any]:
        own: dict[str, Any] = {"index": item.number - 1, "item": item.value}
        return {**self.values, **own, **(item.columns or {}), **self.overrides}

    def _documents(self, variables: Mapping[str, Any]) -> Iterator[tuple[Key, Row]]:
        context = self._template.new_context(dict(variables))
        return _split(self._template.root_render_func(context))

    def _problems(self, error: Exception, variables: Mapping[str, Any], item: str | None) -> list[Problem]:
        where = self._line_of(error)
        problems: list[Problem] = []
        if isinstance(error, UndefinedError):
            known = {*variables, *self._environment.globals}
            stored = {name for name, line in names_used(self._parsed, "store")}
            for name, line in names_used(self._parsed, "load"):
                if name not in known and name not in stored:
                    close = nearest(name, [*variables, *stored])
                    hint = f"did you mean {close!r}?" if close else _known_words(variables)
                    problem = Problem(f"{name!r} is undefined", Position(self.source, line), item, hint=hint)
                    if problem not in problems:
                        problems.append(problem)
        if not problems:
            kind = "" if isinstance(error, UndefinedError) else f"{type(error).__name__}: "
            problems.append(Problem(f"{kind}{error}", where, item))
        return problems

    def _line_of(self, error: Exception) -> Position:
        """The innermost line of a template that an exception came through."""
        where = Position(self.source)
        trace = error.__traceback__
        while trace is not None:
            template = trace.tb_frame.f_globals.get("__jinja_template__")
            if template is not None:
                line = template.get_corresponding_lineno(trace.tb_lineno)
                where = Position(template.name or self.source, line)
            trace = trace.tb_next
        return where


def _split(pieces: Iterable[str]) -> Iterator[tuple[Key, Row]]:
    """Documents from template pieces: constant texts, and the values between them."""
    constants: list[str] = []
    values: list[Any] = []
    text = ""
    for piece in pieces:
        kind = type(piece)
        if kind is Data:
            constants.append(text)
            values.append(piece)
            text = ""
        elif kind is Native:
            constants.append(text)
            values.append(piece.native)  # type: ignore[attr-defined]
            text = ""
        elif "---" in piece:
            parts = _parts(piece, text.endswith("\n") if text else not values)
            text += parts[0]
            for part in parts[1:]:
                yield (*constants, text), tuple(values)
                constants, values, text = [], [], part
        else:
            text = text + piece if text else piece
    yield (*constants, text), tuple(values)


def _parts(piece: str, at_line_start: bool) -> list[str]:
    known = _PARTS.get((piece, at_line_start))
    if known is None:
        known = _SEPARATOR.split(piece if at_line_start else f"\0{piece}")
        if not at_line_start:
            known[0] = known[0].removeprefix("\0")
        if len(_PARTS) > 1000:
            _PARTS.clear()
        _PARTS[piece, at_line_start] = known
    return known


_PARTS: dict[tuple[str, bool], list[str]] = {}


def _in_order(work: Sequence[Work | ItemError], output: Output) -> Iterator[Rendered | ItemError]:
    """Rows rendered skeleton by skeleton, given back in the order of the work."""
    first = work[0] if work else None
    if isinstance(first, tuple) and len(first[0]) == 1:
        same = [entry for entry in work if isinstance(entry, tuple) and entry[0] is first[0]]
        if len(same) == len(work):
            _, found, whose = zip(*same, strict=True)
            yield from first[0][0].render(found, whose, output)
            return
    rows: dict[int, tuple[Skeleton, list[Row], list[Item | None]]] = {}
    for entry in work:
        if not isinstance(entry, ItemError):
            for skeleton in entry[0]:
                _, known, items = rows.setdefault(id(skeleton), (skeleton, [], []))
                known.append(entry[1])
                items.append(entry[2])
    done = {
        number: iter(skeleton.render(known, items, output))
        for number, (skeleton, known, items) in rows.items()
    }
    for entry in work:
        if isinstance(entry, ItemError):
            yield entry
        else:
            for skeleton in entry[0]:
                yield next(done[id(skeleton)])


def _item_text(item: Item) -> str:
    if item.columns is None:
        return str(item.value)
    return json.dumps(item.value, ensure_ascii=False, separators=(",", ":"))


def _known_words(variables: Mapping[str, Any]) -> str:
    names = ", ".join(sorted(variables)) or "none"
    return f"defined are: {names}"
