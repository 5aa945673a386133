"""What a scalar means to kubectl, and plain data from nodes: what kubectl would send as JSON.

The rules are those of the Go reader that kubectl and the API server share, YAML 1.1 with parts of 1.2: ``y``
and ``off`` are booleans, ``010`` and ``0o10`` are 8, ``1e3`` is a number, ``12:30`` and dates are strings.
"""

from __future__ import annotations

import math
import re
from base64 import b64decode
from functools import lru_cache
from struct import pack, unpack
from typing import Any

from expander.base.errors import YamlError
from expander.base.regex import regex
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode

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

_FLOAT = regex(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SPACED = regex(r"\.[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_INTEGER = regex(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|([1-9][0-9]*|0))", re.ASCII)
_SIGNED_BINARY = regex(r"0b([-+][01]+)", re.ASCII)
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
            return b64decode(re.sub(r"[\r\n]", "", text), validate=True).decode(errors="replace")
        except ValueError as error:
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
    if not value.is_integer() or abs(value) >= 1e21:
        return value
    from decimal import Decimal

    return int(Decimal(repr(value)))


def _integer(sign: str, digits: str, sixteen: Any, two: Any, eight: Any) -> int | float | None:
    value = int(digits, 16 if sixteen else 2 if two else 8 if eight else 10)
    if sign == "-":
        return -value if value <= _LARGEST + 1 else None
    if value <= _LARGEST:
        return value
    # an unsigned 64-bit number becomes a float on its way to JSON
    return float(value) if value < 1 << 64 and not sign else None


def construct(node: Node) -> Any:
    """Plain data of ``node``: dict with string keys, list, str, int, float, bool, None.

    Raises YamlError for what has no JSON: NaN, infinities, a tag that does not fit its value.
    """
    if isinstance(node, ScalarNode):
        return node.text if node.style != "plain" and node.tag is None else _scalar(node)
    if isinstance(node, MappingNode):
        return {
            key.text if key.style != "plain" and key.tag is None else key_text(key): construct(value)
            for key, value in node.pairs
        }
    return [construct(item) for item in node.items]


def key_text(node: Node) -> str:
    """The text of a key: numbers and booleans become text as the Go conversion to JSON writes them.

    Raises YamlError for a key that is null, too large a number, a list or a mapping.
    """
    if not isinstance(node, ScalarNode):
        kind = "a mapping" if isinstance(node, MappingNode) else "a list"
        raise YamlError(
            f"{kind} is not a valid field name",
            where=node.position,
            hint="text in braces needs quotes: '{...}'" if kind == "a mapping" else None,
        )
    if node.tag is None:
        text = node.text if node.style != "plain" else _plain_key(node.text)
    else:
        value = _scalar(node)
        text = value if isinstance(value, str) else _plain_key(node.text)
    if text is None:
        raise YamlError(f"{node.text or 'null'!r} is not a valid field name", where=node.position)
    return text


def _scalar(node: ScalarNode) -> Any:
    if node.tag is None:
        value = resolve(node.text)
    else:
        try:
            value = resolve_tagged(node.tag, node.text)
        except ValueError as error:
            raise YamlError(str(error), where=node.position) from None
    if type(value) is float:
        if not math.isfinite(value):
            raise YamlError(
                f"{node.text} cannot be written as JSON; quote it to make it a string", where=node.position
            )
        return number(value)
    return value


@lru_cache(maxsize=4096)
def _plain_key(text: str) -> str | None:
    value = resolve(text)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    unsigned = isinstance(value, float) and 1 << 63 <= value <= 1 << 64 and not re.search("[.eE]", text)
    return _short_float(value) if isinstance(value, float) and math.isfinite(value) and not unsigned else None


def _short_float(value: float) -> str:
    """The fewest digits that tell the value among 32-bit floats; an exponent from 1e6 up and below 1e-4."""
    single = _single(value)
    width = next(width for width in range(10) if _single(float(f"{single:.{width}e}")) == single)
    size = int(f"{single:.{width}e}".split("e")[1])
    if size < -4 or size >= 6:
        return f"{single:.{width}e}"
    return f"{single:.{max(width - size, 0)}f}"


def _single(value: float) -> float:
    return float(unpack("f", pack("f", value))[0])
