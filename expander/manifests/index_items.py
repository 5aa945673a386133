"""The items of an Indexed Job, where they fit into an annotation of it."""

from __future__ import annotations

import binascii
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

ITEMS_ANNOTATION = "expander/items"
"""A JSON list: the item of each index. A long one is packed: `PACKED`, and behind it base64 of zlib."""

COUNT_ANNOTATION = "expander/item-count"
"""How many items a Job has of which each index, or each part, does one."""

PACKED = "zlib:"

LONGEST = 32 << 10
"""Characters of the annotation; an object has 256 KiB for all of them, and `kubectl apply` doubles them."""

LONGEST_UNPACKED = 1 << 20
"""Characters of a list that is worth packing: items hardly ever shrink to a thirtieth."""


def items_text(items: Sequence[Any]) -> str | None:
    """The annotation for ``items``; None when they are too many for one."""
    parts, size = [], 1
    for item in items:
        parts.append(json.dumps(item, ensure_ascii=False, separators=(",", ":")))
        size += len(parts[-1]) + 1
        if size > LONGEST_UNPACKED:
            return None
    text = f"[{','.join(parts)}]"
    if len(text) > LONGEST:
        packed = zlib.compress(text.encode("utf-8", "surrogatepass"), 9)
        text = PACKED + b64encode(packed).decode()
    return text if parts and len(text) <= LONGEST else None


def item_at(annotations: Mapping[str, str], index: int) -> str | None:
    """The item of ``index``: a plain text itself, else JSON; empty when they were too many to keep.

    None when the indexes of the Job do not stand for items.
    """
    items = _items(annotations.get(ITEMS_ANNOTATION, ""))
    if index < len(items):
        return items[index]
    return "" if COUNT_ANNOTATION in annotations else None


@lru_cache(maxsize=16)
def _items(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(_unpacked(text) or "[]")
    except (ValueError, zlib.error, binascii.Error):
        return ()
    return tuple(map(item_text, found)) if isinstance(found, list) else ()


def _unpacked(text: str) -> str:
    """The list in an annotation; at most as much of it as is ever packed."""
    if not text.startswith(PACKED):
        return text
    data = zlib.decompressobj().decompress(b64decode(text[len(PACKED) :]), 4 * LONGEST_UNPACKED)
    return data.decode("utf-8", "surrogatepass")


def item_text(item: Any) -> str:
    """An item as the annotation of its Job keeps it."""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, separators=(",", ":"))
