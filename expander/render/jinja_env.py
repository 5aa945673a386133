"""The Jinja2 environment: sandboxed, strict about undefined names, values kept apart from text.

Every value that an expression prints leaves the template as a `Data` piece, everything else as plain
text, so that the renderer knows what is template and what is data. Layout filters (`tojson`, `toyaml`,
`indent`, `safe`) and macros give text: they write YAML on purpose.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, Undefined, nodes
from jinja2.filters import do_indent
from jinja2.meta import find_referenced_templates
from jinja2.runtime import BlockReference, Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from expander.base.errors import suggest
from expander.base.yaml import dump, json_text
from expander.kube.quantity import canonical
from expander.manifests.names import DNS_LABEL, LABEL_VALUE, SUBDOMAIN, NameRule, valid_name
from expander.render.placeholder import ShellQuoted, text_of

_MAX_RANGE = 10_000_000


class Data(str):
    """A text printed by an expression."""

    __slots__ = ()

    def __str__(self) -> str:
        return self


class Native(Data):
    """The text of a value that was no plain text; ``native`` is the value."""

    __slots__ = ("native",)
    native: Any


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

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Call as the sandbox does; what a macro or a block writes is text of the template."""
        result = super().call(__context, __obj, *args, **kwargs)
        if isinstance(__obj, (Macro, BlockReference)) and not isinstance(result, Markup):
            return Markup(result)
        return result

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

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        for block in source.find_all(nodes.AssignBlock):  # {% set x %}...{% endset %} is text too
            block.filter = nodes.Filter(block.filter, "safe", [], [], None, None, lineno=block.lineno)
        return super()._generate(source, *args, **kwargs)


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
    if isinstance(value, ShellQuoted):
        return _kept(value, value)
    if isinstance(value, (Markup, Data)):
        return value
    if isinstance(value, Undefined):
        return str(value)  # raises, with the name
    if isinstance(value, (dict, list, tuple)):
        return Markup(json_text(value))
    if value is None:
        return _kept("null", None)
    if isinstance(value, (bool, int, float)):
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


def _to_json(value: Any, indent: int | None = None) -> Markup:
    return Markup(json_text(value, indent))


def _to_yaml(value: Any) -> Markup:
    return Markup(dump(value).rstrip("\n"))


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> Markup:
    return Markup(do_indent(str(text), width, first, blank))


def _namer(rule: NameRule) -> Callable[[Any], str]:
    return lambda value: valid_name(text_of(value), rule)


_FILTERS: dict[str, Callable[..., Any]] = {
    "tojson": _to_json,
    "to_json": _to_json,
    "toyaml": _to_yaml,
    "to_yaml": _to_yaml,
    "indent": _indent,
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
