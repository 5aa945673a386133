"""One JSON value as an item: what is accepted, and the errors for what is not."""

from __future__ import annotations

import json
import math
from typing import NoReturn

from expander.base.errors import InputError, Position
from expander.items.item import Scalar, Value
from expander.items.values import DEEPEST, unfit


class RefusedError(ValueError):
    """JSON that Python's decoder would take and that cannot stand in a manifest."""


def _pairs(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    columns = dict(pairs)
    if len(columns) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedError(f"the key {twice!r} appears twice in one object")
    return columns


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise RefusedError(f"the number {text} is too large")
    return number


def _constant(text: str) -> NoReturn:
    raise RefusedError(f"{text} is not JSON")


DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_float=_float, parse_constant=_constant)
"""Python's decoder, which keeps integers of any size, made to refuse repeated keys, NaN, Infinity."""


def decode(raw: bytes, where: Position) -> Value:
    """The value of one JSON text. Raises InputError with the column of what is wrong."""
    try:
        text = raw.decode()
        value: Value = DECODER.decode(text)
        check(value, text, 0, len(text))
    except (ValueError, RecursionError) as error:
        raise malformed(error, where) from error
    return value


def check(value: Value, text: str, start: int, end: int) -> None:
    """Raise RefusedError if ``value`` has lone surrogates or too many levels.

    ``text[start:end]`` is how it is written, which tells at once that most values have neither.
    """
    deep = text.count("[", start, end) + text.count("{", start, end) > DEEPEST
    if (deep or text.find("\\u", start, end) >= 0) and (wrong := unfit(value)):
        raise RefusedError(f"found {wrong}")


def malformed(error: ValueError | RecursionError, where: Position) -> InputError:
    """The InputError for a decoder's exception on a text that is one line at ``where``."""
    if isinstance(error, json.JSONDecodeError):
        message = "more than one JSON value" if error.msg == "Extra data" else f"not JSON: {error.msg}"
        return InputError(message, where=where._replace(column=error.colno))
    if isinstance(error, RecursionError):
        return InputError(f"found more than {DEEPEST} levels of nesting", where=where)
    if isinstance(error, (RefusedError, UnicodeDecodeError)):
        return InputError(str(error), where=where)
    return InputError("a number has too many digits", where=where)


def as_item_value(value: Value, where: Position, number: int) -> Scalar | dict[str, Value]:
    """``value`` if it can be an item. Raises InputError for a list."""
    if isinstance(value, list):
        raise InputError(
            "found a list, expected a plain value or an object with columns",
            where=where,
            item=f"item {number}",
        )
    return value
