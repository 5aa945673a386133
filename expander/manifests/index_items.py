"""The items of an Indexed Job, where they are few enough to stand in an annotation of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

ITEMS_ANNOTATION = "expander/items"
"""A JSON list: the item of each index."""

LONGEST = 32 << 10
"""Characters of the annotation; an object has 256 KiB for all of them, and `kubectl apply` doubles them."""


def items_text(items: Sequence[Any]) -> str | None:
    """The annotation for ``items``; None when they are too many for one."""
    text = ""
    for item in items:
        text += ("," if text else "[") + json.dumps(item, ensure_ascii=False, separators=(",", ":"))
        if len(text) >= LONGEST:
            return None
    return text + "]" if text else None


def item_at(annotations: Mapping[str, str], index: int) -> str | None:
    """The item of ``index``: a plain text itself, anything else as JSON; None when it is not known."""
    items = _items(annotations.get(ITEMS_ANNOTATION, ""))
    return items[index] if index < len(items) else None


@lru_cache(maxsize=16)
def _items(text: str) -> tuple[str, ...]:
    try:
        found = json.loads(text or "[]")
    except ValueError:
        return ()
    return tuple(map(item_text, found)) if isinstance(found, list) else ()


def item_text(item: Any) -> str:
    """An item as the annotation of its Job keeps it."""
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False, separators=(",", ":"))
