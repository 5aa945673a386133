"""Objects as compact JSON, and digests of them that are the same in every installation.

orjson does it where it is installed. It writes some numbers in another way than Python does, or not at all:
what has fractions or integers of more than 64 bits is written by Python everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]


class _Float(float):
    """A fraction; orjson refuses it, since it is none of the classes it knows."""


_read: Final = json.JSONDecoder(parse_float=_Float).decode


def read(text: str) -> Any:
    """The data in a JSON text."""
    return _read(text)


def compact(tree: Mapping[str, Any]) -> bytes:
    """JSON without blanks. Raises ValueError for text that is not Unicode."""
    return _written(tree, ordered=False)


def digest_of(tree: Mapping[str, Any]) -> str:
    """32 hexadecimal digits that are equal for equal objects, whatever the order of their keys.

    ``tree`` is what `read` gives, or has no fractions.
    """
    return hashlib.sha256(_written(tree, ordered=True)).hexdigest()[:32]


def _written(tree: Mapping[str, Any], ordered: bool) -> bytes:
    if orjson is not None:
        options = orjson.OPT_SORT_KEYS if ordered else None
        try:
            return orjson.dumps(tree, option=options)
        except TypeError:
            pass
    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), sort_keys=ordered)
    return text.encode()
