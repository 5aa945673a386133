"""The texts of include and exclude entries."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import NoReturn

from expander.base.errors import InputError, Position, UsageError
from expander.items.item import Value
from expander.items.json_values import decode
from expander.items.source import BARE
from expander.items.values import is_text


def parse_entry(text: str) -> Mapping[str, Value]:
    """The columns an entry speaks of.

    A text that starts with ``{`` is a JSON object, one with ``=`` is ``KEY=VALUE[,KEY=VALUE...]`` (a
    part in double quotes may hold commas: ``"KEY=a,b"``), and any other is a plain value, which is
    the column ``item``. Raises UsageError for what is none of these, and for a key given twice.
    """
    if not is_text(text):
        _refuse(text, "it is not UTF-8 text")
    if text.lstrip().startswith("{"):
        return _json(text)
    return _pairs(text) if "=" in text else {BARE: text}


def _json(text: str) -> Mapping[str, Value]:
    try:
        value = decode(text.encode(), Position(text))
    except InputError as error:
        _refuse(text, error.problems[0].message)
    assert isinstance(value, dict), "a text that starts with { is an object or malformed"
    return value or _refuse(text, "it has no columns")


def _pairs(text: str) -> Mapping[str, Value]:
    try:
        parts = [part for row in csv.reader([text], strict=True) for part in row]
    except csv.Error as error:
        _refuse(text, str(error))
    pairs: dict[str, Value] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not key or not equals:
            _refuse(text, f"{part!r} has no {'=' if key else 'KEY'}")
        if key in pairs:
            _refuse(text, f"the column {key!r} is there twice")
        pairs[key] = value
    return pairs


def _refuse(text: str, wrong: str) -> NoReturn:
    raise UsageError(
        f"found {text!r}, expected KEY=VALUE,KEY=VALUE or a JSON object: {wrong}",
        hint='a value with a comma is written "KEY=a,b", in double quotes; one with = as {"item": "a=b"}',
    )
