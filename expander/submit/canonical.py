"""JSON as it is sent, and digests that are the same in every installation.

orjson writes JSON where it is installed; numbers that it writes in another way than Python's json (fractions,
integers of more than 64 bits) are always written by Python.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from expander.base.regex import regex

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


class _Float(float):
    """A fraction; orjson refuses it, since it is none of the classes it knows."""


_decode: Final = json.JSONDecoder(parse_float=_Float, parse_constant=_Float).decode

_PYTHON_ONLY: Final = regex(r"[:,\[]\s*-?\d(?:\d{18}|\d*[.eE])")
"""A number that orjson reads in another way, or text that looks like one."""


def decode(text: str) -> Any:
    """The data in a JSON text, for `encode` and `digest_of`."""
    if orjson is not None and _PYTHON_ONLY.search(text) is None:
        try:
            return orjson.loads(text)
        except ValueError:  # constants, lone surrogates and deep nesting, which Python knows
            pass
    return _decode(text)


def encode(tree: Mapping[str, Any]) -> bytes:
    """Compact JSON. Raises ValueError for text that is not Unicode."""
    return _encode(tree, ordered=False)


def canonical(tree: Mapping[str, Any]) -> bytes:
    """`encode`, equal for equal objects whatever the order of their keys.

    ``tree`` comes from `decode`, or has no fractions.
    """
    return _encode(tree, ordered=True)


def digest_of(content: bytes) -> str:
    """The digest of an object that is `canonical`: 32 hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()[:32]


def _encode(tree: Mapping[str, Any], ordered: bool) -> bytes:
    if orjson is not None:
        options = orjson.OPT_SORT_KEYS if ordered else None
        try:
            return orjson.dumps(tree, option=options)
        except TypeError:
            pass
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered)
    return text.encode()
