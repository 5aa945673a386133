"""Pages about what ``import expander`` offers, from signatures and docstrings."""

from __future__ import annotations

import enum
import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import Any

import expander
from expander.api.place import GroupKeywords
from expander.base import errors

CALLS, CLASSES, ERRORS = "calls.md", "classes.md", "errors.md"
TITLES = {CALLS: "Calls", CLASSES: "Options and results", ERRORS: "Errors"}

NAME = re.compile(r"(?<!`)`([A-Za-z_.]+)`(?!`)")
"""A name in a docstring that refers to another object; what has two backquotes is code."""

ERROR = re.compile(
    rf"(?<![`\w.])({'|'.join(name for name in expander.__all__ if hasattr(errors, name))})(?![`\w])"
)
"""The name of an error in running text."""

MAX_LINE = 96
"""Characters of a signature on one line."""


def python_pages() -> dict[str, str]:
    """The pages by the names of their files."""
    homes = {name: _home(value) for name, value in _public().items()}
    pages = {file: f"# {title}\n\n{_introduction(file)}" for file, title in TITLES.items()}
    for name, value in _public().items():
        file = homes[name]
        text = "\n".join(_function(name, value) if file == CALLS else _class(name, value))
        pages[file] += _linked(text, file, homes) + "\n"
    return pages


def _public() -> dict[str, Any]:
    """All public names but the version, and the keywords that calls about groups share."""
    found = {name: getattr(expander, name) for name in expander.__all__ if name != "__version__"}
    return dict(sorted({**found, "GroupKeywords": GroupKeywords}.items()))


def _home(value: Any) -> str:
    if not inspect.isclass(value):
        return CALLS
    return ERRORS if issubclass(value, BaseException) else CLASSES


def _introduction(file: str) -> str:
    if file != ERRORS:
        return "[The guide](../../python.md) shows them at work.\n\n"
    return f"{inspect.cleandoc(errors.__doc__ or '')}\n\n"


def _function(name: str, value: Callable[..., Any]) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"```python\n{_signature(f'expander.{name}', value)}\n```\n"
    yield f"{_prose(value)}\n"


def _class(name: str, value: type) -> Iterator[str]:
    yield f"## {name}\n"
    bases = [base.__name__ for base in value.__bases__ if base.__name__ in expander.__all__]
    if bases:
        yield f"Is a `{bases[0]}`.\n"
    yield f"{_prose(value)}\n"
    yield from _fields(value)
    for member, each in _members(value):
        if isinstance(each, property):
            yield f"``{member}``\n:   {_indented(_prose(each))}\n"
        else:
            yield f"```python\n{_signature(member, each)}\n```\n"
            yield f"{_prose(each)}\n"


def _fields(value: type) -> Iterator[str]:
    if issubclass(value, enum.Enum):
        rows = [(each.name, repr(each.value)) for each in value]
    else:
        rows = [(name, _type(kind)) for name, kind in _annotations(value).items()]
    if rows:
        yield "| field | |\n|---|---|"
        yield from (f"| {_code(name)} | {_code(text)} |" for name, text in rows)
        yield ""


def _annotations(value: type) -> dict[str, Any]:
    """The public fields of a class, those that it inherits first."""
    found: dict[str, Any] = {}
    for base in reversed(value.__mro__):
        if base.__module__.startswith("expander."):
            found |= inspect.get_annotations(base)
    return {
        name: kind
        for name, kind in found.items()
        if not name.startswith("_") and "ClassVar" not in str(kind) and "Final" not in str(kind)
    }


def _members(value: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties of a class with docstrings of their own."""
    inherited = typing.NamedTuple if issubclass(value, tuple) else object
    for member, each in vars(value).items():
        function = each.__func__ if isinstance(each, classmethod | staticmethod) else each
        documented = inspect.isfunction(function) or isinstance(function, property)
        if documented and not member.startswith("_") and function.__doc__ and not hasattr(inherited, member):
            yield member, function


def _signature(name: str, value: Callable[..., Any]) -> str:
    signature = inspect.signature(value)
    parameters = [str(each).replace("'", "") for each in signature.parameters.values() if each.name != "self"]
    result = f" -> {_type(signature.return_annotation)}"
    if signature.return_annotation is signature.empty:
        result = ""
    parameters = _marked(signature, parameters)
    line = f"{name}({', '.join(parameters)}){result}"
    if len(line) <= MAX_LINE:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in parameters) + f"){result}"


def _marked(signature: inspect.Signature, parameters: list[str]) -> list[str]:
    """The parameters with the ``*`` before those that are given by keyword only."""
    kinds = [each.kind for each in signature.parameters.values() if each.name != "self"]
    if inspect.Parameter.KEYWORD_ONLY in kinds and inspect.Parameter.VAR_POSITIONAL not in kinds:
        place = kinds.index(inspect.Parameter.KEYWORD_ONLY)
        return [*parameters[:place], "*", *parameters[place:]]
    return parameters


def _type(kind: Any) -> str:
    text = (
        kind
        if isinstance(kind, str)
        else getattr(kind, "__forward_arg__", None) or inspect.formatannotation(kind)
    )
    return str(text).replace("typing.", "")


def _prose(value: Any) -> str:
    """The docstring, in which the names of errors are references too."""
    return ERROR.sub(r"`\1`", inspect.cleandoc(value.__doc__ or ""))


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _code(text: str) -> str:
    return f"<code>{text.replace('|', '&#124;').replace('[', '&#91;').replace('<', '&lt;')}</code>"


def _linked(text: str, file: str, homes: dict[str, str]) -> str:
    """Docstrings as Markdown: `name` becomes a link if it is public, and ``code`` code."""

    def link(match: re.Match[str]) -> str:
        name = match[1].removeprefix("expander.")
        if name not in homes:
            return match[0]
        return f"[`{name}`]({'' if homes[name] == file else homes[name]}#{name.lower()})"

    parts = re.split(r"(^```.*?^```)", text, flags=re.MULTILINE | re.DOTALL)
    parts[::2] = [NAME.sub(link, part).replace("``", "`") for part in parts[::2]]
    return "".join(parts)
