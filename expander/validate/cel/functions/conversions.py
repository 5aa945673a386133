"""``size``, ``type`` and the conversions between types (cel-go ``common/stdlib``)."""

from __future__ import annotations

import math
from typing import Any, Final

from expander.base.regex import regex
from expander.kube.gofmt import general
from expander.validate.cel.addresses import Cidr
from expander.validate.cel.functions.times import duration_text, parse_timestamp, timestamp_text
from expander.validate.cel.values import (
    MAX_INT,
    MIN_INT,
    CelError,
    Duration,
    Timestamp,
    Type,
    Uint,
    no_overload,
    size,
    type_name,
)

_WHOLE: Final = regex(r"[+-]?[0-9]+")
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("0", "f", "F", "false", "FALSE", "False"))


def to_int(value: Any) -> int:
    """``int(value)``."""
    kind = type(value)
    if kind is int:
        return int(value)
    if kind is Uint:
        found = int(value)
    elif kind is float:
        if not math.isfinite(value) or not MIN_INT < value < MAX_INT:
            raise CelError("integer overflow")
        found = int(value)
    elif kind is Timestamp:
        found = value.nanoseconds // 10**9
    elif kind is Duration:
        found = value.nanoseconds
    elif kind is str:
        if not _WHOLE.fullmatch(value):
            raise CelError(f'strconv.ParseInt: parsing "{value}": invalid syntax')
        found = int(value)
    else:
        return no_overload()
    if not MIN_INT <= found <= MAX_INT:
        raise CelError("integer overflow")
    return found


def to_uint(value: Any) -> Uint:
    """``uint(value)``."""
    found = int(value) if type(value) is Uint else to_int(value)
    if found < 0:
        raise CelError("unsigned integer overflow")
    return Uint(found)


def to_double(value: Any) -> float:
    """``double(value)``."""
    if type(value) in (int, Uint, float):
        return float(value)
    if type(value) is not str:
        return no_overload()
    try:
        return (
            float(value.replace("Inf", "inf")) if value == value.strip() and "_" not in value else float("x")
        )
    except ValueError:
        raise CelError(f'strconv.ParseFloat: parsing "{value}": invalid syntax') from None


def to_text(value: Any) -> str:
    """``string(value)``."""
    kind = type(value)
    if kind is str:
        return str(value)
    if kind is bool:
        return "true" if value else "false"
    if kind in (int, Uint):
        return str(int(value))
    if kind is float:
        return general(value)
    if kind is bytes:
        try:
            return bytes(value).decode()
        except UnicodeDecodeError:
            raise CelError("invalid UTF-8 in bytes, cannot convert to string") from None
    if kind is Timestamp:
        return timestamp_text(value)
    if kind is Duration:
        return duration_text(value)
    if isinstance(value, Cidr) or type_name(value) == "net.IP":
        return str(value)
    return no_overload()


def to_bytes(value: Any) -> bytes:
    """``bytes(value)``."""
    if type(value) is bytes:
        return bytes(value)
    return value.encode() if type(value) is str else no_overload()


def to_bool(value: Any) -> bool:
    """``bool(value)``."""
    if type(value) is bool:
        return bool(value)
    if value in _TRUE or value in _FALSE:
        return value in _TRUE
    raise CelError(f'strconv.ParseBool: parsing "{value}": invalid syntax')


def to_timestamp(value: Any) -> Timestamp:
    """``timestamp(value)``."""
    if type(value) is Timestamp:
        return Timestamp(value.nanoseconds)
    if type(value) is int:
        return Timestamp(value * 10**9)
    return parse_timestamp(value) if type(value) is str else no_overload()


FUNCTIONS: Final = {
    ("bool", 1): to_bool,
    ("bytes", 1): to_bytes,
    ("double", 1): to_double,
    ("dyn", 1): lambda value: value,
    ("int", 1): to_int,
    ("size", 1): size,
    ("string", 1): to_text,
    ("timestamp", 1): to_timestamp,
    ("type", 1): lambda value: Type(type_name(value)),
    ("uint", 1): to_uint,
}
METHODS: Final = {("size", 0): size}
