"""The bodies of responses: objects, and lists, whose objects are decoded in turn.

An object takes ten times as much memory as its text. Where little of each is kept, the next one takes the
place of the one before, which is in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

try:
    from orjson import loads
except ImportError:
    from json import loads  # type: ignore[assignment]

Keep = Callable[[Any], Any]
"""What is kept of an item of a list; None when it is none that can be used."""

_ITEMS: Final = b'"items":['
_END: Final = b"]}"


def decode_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in the body of a response; None for anything else, such as a proxy's login page."""
    try:
        found = loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def decode_list(body: bytes, keep: Keep) -> dict[str, Any] | None:
    """`decode_object` of a list, with what ``keep`` keeps of its items; None when one cannot be used."""
    found = _in_turn(body, keep)
    if found is None:
        found = decode_object(body)
        if found is None or not isinstance(found.get("items"), list):
            return found
        found["items"] = [*map(keep, found["items"])]
    return None if None in found["items"] else found


def _in_turn(body: bytes, keep: Keep) -> dict[str, Any] | None:
    """The list, if its items are the last of it and begin alike; None for any other.

    No part of the text of an object that begins where it does is JSON, so one that can be decoded is whole,
    wherever else the text that parts items may stand.
    """
    at, body = body.find(_ITEMS) + len(_ITEMS), body.rstrip(b" \t\r\n")
    found = decode_object(body[:at] + _END) if at >= len(_ITEMS) and body.endswith(_END) else None
    if found is None or found.get("items") != []:
        return None
    end = len(body) - len(_END)
    parts = b"}," + body[at : body.find(b":", at) + 1]
    items = found["items"]
    while at < end:
        next_at = body.find(parts, at, end)
        item = decode_object(body[at : end if next_at < 0 else next_at + 1])
        if item is None:
            return None
        items.append(keep(item))
        at = end if next_at < 0 else next_at + 2
    return found
