"""Items from JSON Lines: one JSON value per line.

orjson reads most lines when it is installed. Where it would differ from Python's decoder (large
integers, repeated keys) or fails, the line goes to Python's decoder, so the result, and every
error, is the same with and without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from expander.base.errors import InputError, Position
from expander.items.blocks import blocks, not_utf8
from expander.items.item import Item, Value
from expander.items.json_values import as_item_value, decode
from expander.items.values import DEEPEST

_LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""orjson turns an integer beyond 64 bits into a float; shorter runs of digits cannot be one."""
_KEY = re.compile(rb'"\s*:')
"""Matches once for each key as written, and possibly inside strings."""
_UNSURE = object()


def read_json_lines(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per line: an object gives columns, a scalar a plain value; types are kept.

    Empty lines are skipped. Raises InputError for a line that is not one JSON value, for a list, for
    a key that appears twice, and for NaN and Infinity.
    """
    loads = _loads()
    number = 0
    line = 0
    for block in blocks(stream, source):
        fast = loads if loads and not _LONG_NUMBER.search(block) else None
        for raw in block.removesuffix(b"\n").split(b"\n"):
            line += 1
            if not raw or raw.isspace():
                continue
            number += 1
            value = fast(raw) if fast else _UNSURE
            if value is _UNSURE:
                value = _decode(raw, source, line, number)
            if isinstance(value, list):
                as_item_value(value, Position(source, line), number)
            yield Item(value, number, source, line)  # type: ignore[arg-type]


def _decode(raw: bytes, source: str, line: int, number: int) -> Value:
    try:
        return decode(raw, Position(source, line))
    except InputError as error:
        if isinstance(error.__cause__, UnicodeDecodeError):
            not_utf8(error.__cause__, source, line)
        problem = replace(error.problems[0], item=f"item {number}")
        raise InputError(problem) from error.__cause__


def _loads() -> Callable[[bytes], object] | None:
    """A decoder that answers like Python's or gives _UNSURE; None without orjson."""
    try:
        from orjson import loads
    except ImportError:
        return None

    def checked(raw: bytes) -> object:
        if raw.count(b"[") + raw.count(b"{") > DEEPEST:
            return _UNSURE
        try:
            value = loads(raw)
        except ValueError:
            return _UNSURE
        one_key_per_colon = isinstance(value, dict) and raw.count(b":") == len(value)
        return value if one_key_per_colon or len(_KEY.findall(raw)) == _keys(value) else _UNSURE

    return checked


def _keys(value: object) -> int:
    """How many keys the objects in ``value`` have; fewer than were written if some were repeated."""
    if isinstance(value, dict):
        return len(value) + sum(_keys(part) for part in value.values() if isinstance(part, (dict, list)))
    if isinstance(value, list):
        return sum(_keys(part) for part in value)
    return 0
