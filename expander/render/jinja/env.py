"""The Jinja2 environment: sandboxed, strict about undefined names, values kept apart from text.

Every value that an expression prints leaves the template as a `Data` piece, everything else as plain text,
so that the renderer knows what is template and what is data. What macros, calls, blocks and loops write is
a `Fragment`, which remembers its pieces. Any other text that an expression made, by whatever operator or
filter, is data as a whole. Only the layout filters (``tojson``, ``toyaml``, ``indent``, ``safe``) make
text of the template out of values: they write YAML on purpose.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from itertools import islice
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, Undefined, nodes
from jinja2.filters import do_indent, do_trim
from jinja2.meta import find_referenced_templates
from jinja2.sandbox import ImmutableSandboxedEnvironment

from expander.base.errors import suggest
from expander.base.yaml.writer import dump, json_text
from expander.kube.quantity import canonical
from expander.manifests.names import DNS_LABEL, LABEL_VALUE, SUBDOMAIN, NameRule, valid_name
from expander.render.jinja.generator import Columns, PairGenerator
from expander.render.placeholder import ShellQuoted, text_of

_MAX_RANGE = 10_000_000
_CHUNK = 1024
"""Turns of a loop that are printed at once."""


class Data(str):
    """A text printed by an expression."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


class Native(Data):
    """The text of a value that was no plain text; ``native`` is the value."""

    __slots__ = ("native",)
    native: Any


class Fragment(str):
    """Text of the template with data inside; ``pieces`` are plain texts and `Data`, in order.

    One that another function made of it (``format`` keeps the class) has no pieces: it is data.
    """

    __slots__ = ("pieces",)
    pieces: tuple[str, ...]

    def __str__(self) -> str:
        return self


def fragment(stream: Iterable[Any]) -> Fragment:
    """One fragment of what a template wrote."""
    pieces = tuple(written(stream))
    made = Fragment("".join(pieces))
    made.pieces = pieces
    return made


def _pieces(text: str) -> tuple[str, ...]:
    return getattr(text, "pieces", (Data(text),))


def written(stream: Iterable[Any]) -> Iterator[str]:
    """The pieces that a template writes: plain texts of its own, and `Data`."""
    for piece in stream:
        kind = type(piece)
        if kind is str or kind is Data or kind is Native:
            yield piece
        elif kind is Fragment:
            yield from _pieces(piece)
        elif kind is tuple:  # of `PairGenerator`
            (first, *texts), values = piece
            yield first
            for value, text in zip(values, texts, strict=True):
                yield from written((_finalize(value),))
                yield text
        elif kind is Columns:
            yield from written(piece.pairs())
        else:
            yield Data(piece)


class Missing(StrictUndefined):
    """An undefined name; the message says which name was probably meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        message = super()._undefined_message
        known = self._undefined_obj if isinstance(self._undefined_obj, dict) else {}
        close = (
            suggest(self._undefined_name, map(str, known)) if isinstance(self._undefined_name, str) else None
        )
        return f"{message}; did you mean {close!r}?" if close else message


class Environment(ImmutableSandboxedEnvironment):
    """Jinja2 with `Data` pieces; ``load`` gives the text of an included template by its name."""

    def __init__(self, load: Callable[[str], str | None] | None = None) -> None:
        self._texts = load or (lambda _: None)
        super().__init__(
            undefined=Missing,
            finalize=_finalize,
            loader=_Loader(load),
            cache_size=50,
            keep_trailing_newline=True,  # it belongs to a block of text at the end
        )
        self.globals["range"] = _range
        self.filters.update(_FILTERS)

    concat = staticmethod(fragment)
    code_generator_class = PairGenerator
    plain = frozenset([str, Data, int, float, bool, ShellQuoted])
    """Types of values that are data as they are."""
    fragments = 0
    """So many fragments were printed."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        """The global names of one template, in a dict: Jinja2's own mapping is read slowly."""
        return {**self.globals, **(d or {})}

    def mentioned(self, parsed: nodes.Template) -> set[str] | None:
        """The names of variables in a template and in those it includes; None when they cannot be known."""
        names: set[str] = set()
        seen: set[str] = set()
        waiting = [parsed]
        while waiting:
            template = waiting.pop()
            names.update(name.name for name in template.find_all(nodes.Name))
            for included in find_referenced_templates(template):
                if included is None:
                    return None
                if included not in seen:
                    seen.add(included)
                    try:
                        waiting.append(self.parse(self._texts(included) or "", included, included))
                    except TemplateSyntaxError:  # rendering says where
                        return None
        return names

    def columns(self, texts: tuple[str, ...], values: tuple[Sequence[Any], ...]) -> Columns | None:
        """What turns of a loop print; None if a value is not `plain`."""
        return (
            Columns(texts, values) if all(self.plain.issuperset(map(type, each)) for each in values) else None
        )

    @staticmethod
    def chunks(turns: Iterable[Any]) -> Iterator[Sequence[Any]]:
        """The values of a loop, many at once."""
        if type(turns) is range:
            for start in range(0, len(turns), _CHUNK):
                yield turns[start : start + _CHUNK]
            return
        values = iter(turns)
        while chunk := list(islice(values, _CHUNK)):
            yield chunk

    def printed(self, value: Any) -> Any:
        """What an expression prints, as data, or a fragment."""
        text = _finalize(value)
        self.fragments += type(text) is Fragment
        return text.native if type(text) is Native else text


class _Loader(BaseLoader):
    def __init__(self, load: Callable[[str], str | None] | None) -> None:
        self.load_text = load

    def get_source(self, environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        text = self.load_text(template) if self.load_text else None
        if text is None:
            raise TemplateNotFound(template)
        return text, template, lambda: True


def _finalize(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return Data(value)
    if kind is int:
        return _kept(str(value), value)
    if kind is Fragment or kind is Data or kind is Native:
        return value
    if isinstance(value, ShellQuoted):
        return _kept(value, value)
    if isinstance(value, Undefined):
        return str(value)  # raises, with the name
    if isinstance(value, (bool, float)):
        return _kept(text_of(value), value)
    return Data(str(value))


def _kept(text: str, native: Any) -> Native:
    data = Native(text)
    data.native = native
    return data


def _range(*arguments: int) -> range:
    numbers = range(*arguments)
    if len(numbers) > _MAX_RANGE:
        raise OverflowError(f"a range of more than {_MAX_RANGE} numbers")
    return numbers


def _to_json(value: Any, indent: int | None = None) -> Fragment:
    return fragment((json_text(value, indent),))


def _to_yaml(value: Any) -> Fragment:
    return fragment((dump(value).rstrip("\n"),))


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> Fragment:
    return _laid_out(text, lambda whole: do_indent(whole, width, first, blank))


def _trim(text: Any, chars: str | None = None) -> str:
    if type(text) is not Fragment:
        return do_trim(str(text), chars)
    return _laid_out(text, lambda whole: do_trim(whole, chars))


def _safe(text: Any) -> Fragment:
    return text if type(text) is Fragment else fragment(("".join((str(text),)),))


def _laid_out(text: Any, change: Callable[[str], str]) -> Fragment:
    """``text`` changed as a whole; data in a fragment is not touched. Any other text becomes template."""
    if type(text) is not Fragment:
        return fragment((change("".join((str(text),))),))
    pieces = _pieces(text)
    mark = _unused_mark(text)
    data = [piece for piece in pieces if type(piece) is not str]
    whole = change("".join(piece if type(piece) is str else mark for piece in pieces))
    made: list[str] = []
    for number, part in enumerate(whole.split(mark)):
        made += [data[number - 1], part] if number else [part]
    return fragment(made)


def _unused_mark(text: str) -> str:
    """A word that is nowhere in ``text``; it stands for data while the text around it is laid out."""
    number = 0
    while (mark := f"\ue000{number}\ue001") in text:
        number += 1
    return mark


def _namer(rule: NameRule) -> Callable[[Any], str]:
    return lambda value: valid_name(text_of(value), rule)


_FILTERS: dict[str, Callable[..., Any]] = {
    "tojson": _to_json,
    "to_json": _to_json,
    "toyaml": _to_yaml,
    "to_yaml": _to_yaml,
    "indent": _indent,
    "safe": _safe,
    "trim": _trim,
    "quote": lambda value: ShellQuoted(shlex.quote(text_of(value))),
    "k8s_name": _namer(DNS_LABEL),
    "k8s_subdomain": _namer(SUBDOMAIN),
    "label_value": _namer(LABEL_VALUE),
    "quantity": lambda value: canonical(text_of(value)),
}


def names_used(source: nodes.Template, context: str) -> Iterator[tuple[str, int]]:
    """Names a template reads (``load``) or sets (``store``), with their lines.

    Names it tests with ``is defined`` or gives a ``default`` are left out.
    """
    excused: set[int] = set()
    for test in source.find_all(nodes.Test):
        if test.name in ("defined", "undefined"):
            excused.update(id(name) for name in test.find_all(nodes.Name))
    for call in source.find_all(nodes.Filter):
        if call.name in ("default", "d") and isinstance(call.node, nodes.Name):
            excused.add(id(call.node))
    for name in source.find_all(nodes.Name):
        if (name.ctx == "load") == (context == "load") and id(name) not in excused:
            yield name.name, name.lineno
    if context == "store":
        for macro in source.find_all(nodes.Macro):
            yield macro.name, macro.lineno
        for importing in source.find_all(nodes.Import):
            yield importing.target, importing.lineno
        for chosen in source.find_all(nodes.FromImport):
            yield from ((name if isinstance(name, str) else name[1], chosen.lineno) for name in chosen.names)
