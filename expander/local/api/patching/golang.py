"""JSON values as Go prints them in messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

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


def type_name(value: Any) -> str:
    """As ``%T``."""
    return _TYPES.get(type(value), "<nil>")
