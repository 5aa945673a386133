"""Plain data from nodes: what kubectl would send as JSON."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from struct import pack, unpack
from typing import Any

from expander.base.errors import YamlError
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode
from expander.base.yaml.resolve import number, resolve, resolve_tagged


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
            f"{kind} cannot be the name of a field",
            where=node.position,
            hint="text in braces needs quotes: '{...}'" if kind == "a mapping" else None,
        )
    if node.tag is None:
        text = node.text if node.style != "plain" else _plain_key(node.text)
    else:
        value = _scalar(node)
        text = value if isinstance(value, str) else _plain_key(node.text)
    if text is None:
        raise YamlError(f"{node.text or 'null'!r} cannot be the name of a field", where=node.position)
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
            raise YamlError(f"{node.text} has no JSON; quote it to make it a string", where=node.position)
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
