"""Templates from files: which engine reads them, and where their includes come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol, TypeAlias

from expander.base.errors import InputError, ItemError, SourceLocation, UsageError
from expander.base.late_module import late_module
from expander.base.option_names import option
from expander.base.regex import regex
from expander.base.urls import without_credentials
from expander.base.waiting import awaited, waiting_opener
from expander.base.yaml.documents import decode
from expander.items.item import Item
from expander.manifests.manifest import Manifest
from expander.manifests.names import LABEL_VALUE, slug

if TYPE_CHECKING:
    from expander.render import compile as compiling
else:
    compiling = late_module("expander.render.compile")

Engine: TypeAlias = Literal["item", "jinja2", "text"]
ENGINES: tuple[Engine, ...] = ("item", "jinja2", "text")

MAX_TEMPLATE_BYTES = 16 << 20
"""Bytes of a template file; more than an API server would take in any request."""

_JINJA = (".j2", ".jinja", ".jinja2")
_SETTING_MARK = "# expander: "
_SETTING = regex(rf"(?m)^[ \t]*{_SETTING_MARK}(?P<name>[a-z-]+)=(?P<value>\S*)[ \t]*$")
"""A comment line that says how the template is to be expanded."""
_INCLUDED = regex(r"{%-?\s*(?:include|import|from|extends)\b|{{|{%")


class Template(Protocol):
    """What every engine's template offers."""

    @property
    def warnings(self) -> Sequence[str]:
        """What a user should know about the template."""

    @property
    def lacks_columns(self) -> bool:
        """Whether `render` raised only since no item so far has all columns that the template refers to."""

    def render(self, items: Sequence[Item], output: Any) -> Sequence[Manifest | ItemError]:
        """The manifests of ``items`` in order, or the error of an item."""


class TemplateFile:
    """The text of a template and what it is called: a path, or ``-`` for standard input."""

    def __init__(self, path: str | os.PathLike[str], stdin: BinaryIO | None = None) -> None:
        self.path = os.fspath(path)
        self.source = "<stdin>" if self.path == "-" else self.path
        self.text = _read(self.path, stdin)
        self.group = _group(self.path)
        """The group a template without a group label gives its batch: made from the file's name."""

    @classmethod
    def of(cls, text: str, source: str = "<template>") -> TemplateFile:
        """A template that is a text already."""
        made = cls.__new__(cls)
        made.path, made.source, made.text, made.group = "-", source, text, None
        return made

    def __repr__(self) -> str:
        return f"<TemplateFile {self.source}>"

    @property
    def engine(self) -> Engine:
        """The engine that the file's name asks for."""
        return "jinja2" if self.is_jinja(self.path) else "item"

    @staticmethod
    def is_jinja(path: str) -> bool:
        """Whether the name of a file says that it is a Jinja2 template."""
        return path.lower().endswith(_JINJA)

    @property
    def items_schema(self) -> str | None:
        """The file that a comment line ``# expander: items-schema=FILE`` names, relative to the template.

        Raises InputError for a line that names another setting.
        """
        found = None
        for match in _SETTING.finditer(self.text) if _SETTING_MARK in self.text else ():
            if match["name"] != "items-schema" or not match["value"]:
                where = SourceLocation(self.source, self.text.count("\n", 0, match.start()) + 1)
                wrong = "no value for" if match["name"] == "items-schema" else "unknown setting"
                raise InputError(f"{wrong} {match['name']!r}; expected items-schema=FILE", where=where)
            found = os.path.join(os.path.dirname(self.path), match["value"])
        return found

    def compile(
        self,
        rules: compiling.Rules,
        engine: Engine | None = None,
        values: Mapping[str, Any] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> Template:
        """The compiled template. Raises InputError with all that is wrong with it, UsageError for an
        engine that is not there."""
        engine = engine or self.engine
        if rules.edits.default_group is None:
            rules = replace(rules, edits=replace(rules.edits, default_group=self.group))
        if engine == "jinja2":
            from expander.render.jinja.template import JinjaTemplate

            return JinjaTemplate(self.text, self.source, rules, values, overrides, self._loader())
        if engine == "text":
            from expander.render.text_template import TextTemplate

            return TextTemplate(self.text, self.source, rules, values, overrides)
        if engine != "item":
            raise UsageError(f"unknown template engine {engine!r}; expected one of {', '.join(ENGINES)}")
        from expander.render.item_template import ItemTemplate

        try:
            return ItemTemplate(self.text, self.source, rules, values, overrides)
        except InputError as error:
            raise self._hinted(error) from None

    def _hinted(self, error: InputError) -> InputError:
        hinted = any("jinja2" in (problem.hint or "") for problem in error.problems)
        if _INCLUDED.search(self.text) and not hinted:
            engine = option("--engine jinja2")
            hint = f"this looks like a Jinja2 template: name it *.jinja2 or *.j2, or use {engine}"
            first = replace(error.problems[0], hint=hint)
            return type(error)([first, *error.problems[1:]])
        return error

    def _loader(self) -> Callable[[str], str | None]:
        """Texts of included templates: files below the template's folder, by relative path."""
        folder = os.path.realpath("." if self.path == "-" else os.path.dirname(self.path) or ".")

        def load(name: str) -> str | None:
            path = os.path.realpath(os.path.join(folder, name))
            if not path.startswith(os.path.join(folder, "")) or not os.path.isfile(path):
                return None
            return _read(path, None)

        return load


def _group(path: str) -> str | None:
    if path == "-":
        return None
    return slug(os.path.basename(path).split(".")[0], LABEL_VALUE)[:63].strip("-_.") or None


def _read(path: str, stdin: BinaryIO | None) -> str:
    try:
        if path == "-":
            if stdin is None:
                import sys

                stdin = sys.stdin.buffer
            awaited(stdin, "standard input")
            data = stdin.read(MAX_TEMPLATE_BYTES + 1)
        else:
            with open(path, "rb", opener=waiting_opener) as file:
                data = file.read(MAX_TEMPLATE_BYTES + 1)
    except OSError as error:
        hint = "a template is a file; `curl URL | expander expand -` takes one from elsewhere"
        raise InputError(
            f"cannot read the template: {error.strerror}",
            where=SourceLocation(without_credentials(path)),
            hint=hint if "://" in path else None,
        ) from error
    if len(data) > MAX_TEMPLATE_BYTES:
        raise InputError(f"a template has at most {MAX_TEMPLATE_BYTES >> 20} MiB", where=SourceLocation(path))
    return decode(data, path)
