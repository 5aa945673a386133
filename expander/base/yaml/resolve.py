"""What a scalar means to kubectl: the rules of the Go reader that kubectl and the API server share.

They are those of YAML 1.1 with parts of 1.2: ``y`` and ``off`` are booleans, ``010`` and ``0o10`` are 8,
``1e3`` is a number, ``12:30`` and dates are strings.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

PREFIX = "tag:yaml.org,2002:"

_WORDS: dict[str, Any] = {"": None, "~": None}
for _value, _names in {
    None: "null",
    True: "y yes true on",
    False: "n no false off",
    math.nan: ".nan",
    math.inf: ".inf +.inf",
    -math.inf: "-.inf",
}.items():
    for _name in _names.split():
        for _form in (_name, _name.capitalize(), _name.upper()):
            _WORDS[_form] = _value
for _sign, _infinity in (("", math.inf), ("+", math.inf), ("-", -math.inf)):
    _WORDS[f"{_sign}.Inf"] = _infinity
_WORDS[".NaN"] = math.nan
_WORDS.pop(".Nan", None)

_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SPACED = re.compile(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))", re.ASCII)
_SIGNED_BINARY = re.compile(r"0b([-+][01]+)", re.ASCII)
_LARGEST = (1 << 63) - 1


@lru_cache(maxsize=4096)
def resolve(text: str) -> Any:
    """The value of a plain scalar without a tag: None, bool, int, float (also NaN, infinities) or str.

    Decided by the YAML library of kubectl and kube-apiserver (a fork of go-yaml 2).
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if text[0] == "." and "_" in text and not _SPACED.fullmatch(text):
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        sign, sixteen, two, eight, ten = match.groups()
        digits = sixteen or two or eight or ten
        if len(digits) <= 64 and (number := _integer(sign, digits, sixteen, two, eight)) is not None:
            return number
    if _FLOAT.fullmatch(plain):
        real = float(plain)
        return text if math.isinf(real) else real
    if match := _SIGNED_BINARY.fullmatch(plain):
        return int(match[1], 2)
    return text


def resolve_tagged(tag: str, text: str) -> Any:
    """The value of a scalar with an explicit ``tag``; ValueError where the text does not fit it.

    Tags that are not of YAML's core are ignored: the value is the text.
    """
    name = tag.removeprefix(PREFIX)
    if name == "binary" and name != tag:
        try:
            return base64.b64decode(re.sub(r"[\r\n]", "", text), validate=True).decode(errors="replace")
        except binascii.Error as error:
            raise ValueError("the value of !!binary is not base64") from error
    if name == tag or name not in ("bool", "int", "float", "null"):
        return text
    value = resolve(text)
    found = {bool: "bool", int: "int", float: "float", type(None): "null"}.get(type(value), "str")
    if found != name and not (name == "float" and found == "int"):
        raise ValueError(f"!!{name} does not fit the value {text!r}")
    return value


def number(value: float) -> int | float:
    """A finite float as JSON written in Go shows it: whole below 1e21, with the fewest digits."""
    return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value


def _integer(sign: str, digits: str, sixteen: Any, two: Any, eight: Any) -> int | float | None:
    value = int(digits, 16 if sixteen else 2 if two else 8 if eight else 10)
    if sign == "-":
        return -value if value <= _LARGEST + 1 else None
    if value <= _LARGEST:
        return value
    # an unsigned 64-bit number becomes a float on its way to JSON
    return float(value) if value < 1 << 64 and not sign else None
