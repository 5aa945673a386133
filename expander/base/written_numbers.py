"""Numbers that keep the text they were written with, and JSON that keeps it too.

``1.10`` is a version for one user and a number for another: it is a float that prints as ``1.10``. Numbers
that Python writes as they were written are plain ones.
"""

from __future__ import annotations

import json
import re
from typing import Any

from expander.base.regex import regex

NUMBER = regex(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)
"""A number of JSON."""


class WrittenNumber(float):
    """A float whose ``text`` is not what Python writes for it; it prints as the text."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        """ValueError for a text that is no number."""
        self = super().__new__(cls, text)
        self.text = text
        return self

    def __repr__(self) -> str:
        return self.text

    __str__ = __repr__

    def __getnewargs__(self) -> tuple[str]:  # type: ignore[override]
        return (self.text,)


def real(text: str) -> float:
    """The number of JSON ``text`` that has a fraction or an exponent; infinite if it is too large."""
    value = float(text)
    return value if repr(value) == text else WrittenNumber(text)


def integer(text: str) -> int | float:
    """The same of an integer, exact; ValueError for thousands of digits."""
    return int(text) if text != "-0" else WrittenNumber(text)


_decode = json.JSONDecoder(parse_float=real, parse_int=integer).decode


def loads(text: str) -> Any:
    """What `json.loads` gives, with numbers as they are written."""
    return _decode(text)


def dumps(value: Any, **options: Any) -> str:
    """What `json.dumps` gives, with numbers in mappings and lists as they were written."""
    if not _has_written(value):
        return json.dumps(value, **options)
    mark, plain = "number", json.dumps(value, **options)
    while mark in plain:
        mark += "r"
    texts: list[str] = []
    marked = json.dumps(_marked(value, mark, texts), **options)
    return re.sub(f'"{mark}([0-9]+)"', lambda match: texts[int(match[1])], marked)


def _has_written(value: Any) -> bool:
    if type(value) is dict:
        return any(map(_has_written, value.values()))
    return any(map(_has_written, value)) if type(value) is list else type(value) is WrittenNumber


def _marked(value: Any, mark: str, texts: list[str]) -> Any:
    """``value`` with a text of ``mark`` and a place in ``texts`` for each such number."""
    if type(value) is WrittenNumber:
        texts.append(value.text)
        return f"{mark}{len(texts) - 1}"
    if type(value) is dict:
        return {name: _marked(part, mark, texts) for name, part in value.items()}
    return [_marked(part, mark, texts) for part in value] if type(value) is list else value
