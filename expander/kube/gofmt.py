"""Text in Go's double quotes (``%q``) and JSON values as Go prints them in the API's messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from math import isfinite
from typing import Any, Final

_SHORT: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def quoted(text: str) -> str:
    """``text`` as strconv.Quote writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(_character(each) for each in text)}"'


def _character(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    code = ord(character)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_TYPES: Final[Mapping[type, str]] = {
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    dict: "map[string]interface {}",
    list: "[]interface {}",
}


def plain(value: Any) -> str:
    """As ``%v``: ``map[a:1 b:[x y]]``."""
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{key}:{plain(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(plain, value)) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


def literal(value: Any) -> str:
    """As ``%#v``: ``map[string]interface {}{"a":1}``."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{literal(key)}:{literal(value[key])}" for key in sorted(value))
        return f"{_TYPES[dict]}{{{inner}}}"
    if isinstance(value, list):
        return f"{_TYPES[list]}{{{', '.join(map(literal, value))}}}"
    if value is None:
        return "interface {}(nil)"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else plain(value)


def general(value: float) -> str:
    """A number as ``%v``: the shortest text, with an exponent from 1e+06 up and below 0.0001."""
    if isinstance(value, int) or not isfinite(value):
        return {"inf": "+Inf", "-inf": "-Inf", "nan": "NaN"}.get(str(value), str(value))
    digits, _, exponent = f"{Decimal(repr(value)).normalize():e}".partition("e")
    if value and not -4 <= int(exponent) < 6:
        return f"{digits}e{exponent[0]}{exponent[1:].zfill(2)}"
    return format(Decimal(repr(value)).normalize() if value else Decimal(0), "f")


def type_name(value: Any) -> str:
    """As ``%T``."""
    return _TYPES.get(type(value), "<nil>")
