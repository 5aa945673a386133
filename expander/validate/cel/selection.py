"""Fields of objects and entries of lists and maps, as parts of expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from expander.base.regex import regex
from expander.validate.cel.syntax import RESERVED
from expander.validate.cel.values import ABSENT, NONE, CelError, Optional, TypedMap, element, field, lookup

Frame: TypeAlias = list[Any]
"""The values of all variables of a program."""

Run: TypeAlias = Callable[[Frame], Any]
"""A part of an expression."""

_ESCAPED: Final = regex("__(dot|dash|slash|underscores)__")
_MEANT: Final = {"dot": ".", "dash": "-", "slash": "/", "underscores": "__"}
_ESCAPED_WORDS: Final = RESERVED | {"true", "false", "null"}


def unescaped(name: str) -> str:
    """The property that a name in CEL stands for: ``x__dash__y`` is ``x-y``."""
    if "__" not in name:
        return name
    if name.startswith("__") and name.endswith("__") and name[2:-2] in _ESCAPED_WORDS:
        return name[2:-2]
    return _ESCAPED.sub(lambda found: _MEANT[found[1]], name)


def select_field(target: Run, written: str, optional: bool) -> Run:
    """``target.written``, or ``target.?written``."""
    name = unescaped(written)

    def run(frame: Frame) -> Any:
        value = target(frame)
        if type(value) is TypedMap:
            key = name if value.other is None else written
            convert = value.fields.get(key, value.other)
            found = ABSENT if convert is None else value.raw.get(key, ABSENT)
            if convert is not None and found is not ABSENT:
                found = convert(found)
                return Optional(found) if optional else found
        elif type(value) is Optional:
            return _of_optional(value, lambda inner: field(inner, name))
        else:
            found = field(value, written)
        if optional:
            return NONE if found is ABSENT else Optional(found)
        if found is ABSENT:
            raise CelError(f"no such key: {written}")
        return found

    return run


def _of_optional(value: Optional, select: Callable[[Any], Any]) -> Optional:
    found = ABSENT if value.value is ABSENT else select(value.value)
    return NONE if found is ABSENT else Optional(found)


def has_field(target: Run, written: str) -> Run:
    """``has(target.field)``."""
    name = unescaped(written)

    def run(frame: Frame) -> bool:
        value = target(frame)
        if type(value) is TypedMap:
            return value.get(written if value.other is not None else name) is not ABSENT
        if type(value) is Optional:
            return _of_optional(value, lambda inner: field(inner, name)) is not NONE
        return field(value, written) is not ABSENT

    return run


def select_index(target: Run, key: Run, optional: bool) -> Run:
    """``target[key]``, or ``target[?key]``."""

    def run(frame: Frame) -> Any:
        value, at = target(frame), key(frame)
        if type(value) is Optional:
            return _of_optional(value, lambda inner: lookup(inner, at))
        if optional:
            found = lookup(value, at)
            return NONE if found is ABSENT else Optional(found)
        return element(value, at)

    return run
