"""Which parts of an object a schema refuses, by one of two libraries.

``jsonschema`` is the reference; ``jsonschema-rs`` is the same check a hundred times faster and is
used when it is installed. Both only say where an object fails; `schema_findings` says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from expander.validate.schema_compile import decodable
from expander.validate.schema_formats import FORMATS

Path = tuple[str | int, ...]

AMBIGUOUS = re.compile(r"(?:\+[0-9]+|0[0-9]+)?")
"""Keys ``jsonschema-rs`` leaves out of a path (the empty one) or gives as another key's number (007)."""


class Engine(Protocol):
    """A schema ready for use."""

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        """The paths of the values that fail; an object fails when one of its fields is unknown."""
        ...


class Reference:
    """The check by ``jsonschema``."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator, FormatChecker

        formats = FormatChecker(formats=())
        for name, check in FORMATS.items():
            formats.checks(name)(check)
        self.validator = Draft202012Validator(dict(schema), format_checker=formats)

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        return {tuple(error.absolute_path) for error in self.validator.iter_errors(obj)}


class Accelerated:
    """The check by ``jsonschema-rs``; ImportError when it is not installed."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        import jsonschema_rs

        self.validator = jsonschema_rs.Draft202012Validator(
            dict(schema), formats=FORMATS, validate_formats=True
        )
        self.schema = schema

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        try:
            if self.validator.is_valid(obj):
                return set()
            paths = [error.instance_path for error in self.validator.iter_errors(obj)]
        except (ValueError, OverflowError):  # a value Rust cannot hold, or nesting beyond its limit
            return Reference(self.schema).failures(obj)
        if has_ambiguous_key(obj):
            return Reference(self.schema).failures(obj)
        return {true_path(obj, path) for path in paths}


def true_path(obj: Any, path: Sequence[str | int]) -> Path:
    """``path`` with the keys of maps as strings; ``jsonschema-rs`` gives the key "0" as the number 0."""
    steps: list[str | int] = []
    for step in path:
        steps.append(str(step) if isinstance(obj, Mapping) else step)
        obj = obj[steps[-1]]
    return tuple(steps)


def has_ambiguous_key(obj: Any) -> bool:
    """Whether a mapping anywhere in ``obj`` has a key the paths of ``jsonschema-rs`` do not tell apart."""
    pending = [obj]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if any(AMBIGUOUS.fullmatch(str(key)) for key in value):
                return True
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
    return False


@cache
def engine(name: str) -> Engine:
    """The check for the definition of that name, accelerated where that is possible."""
    schema = decodable(name)
    try:
        return Accelerated(schema)
    except ImportError:
        return Reference(schema)


def library() -> str:
    """The library in use, for ``--version``."""
    try:
        import jsonschema_rs  # noqa: F401
    except ImportError:
        return "jsonschema"
    return "jsonschema-rs"
