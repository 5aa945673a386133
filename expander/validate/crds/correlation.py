"""What of an object corresponds to what was there before (``cel/common`` of apiserver: CorrelatedObject).

Faults of values that an update leaves as they are do not count (CRDValidationRatcheting).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from expander.validate.crds.structural import ABSENT, Node


def old_entries(node: Node | None, entries: list[Any], old: Any) -> Callable[[int], Any]:
    """The function that gives the old value of an entry by its place, ABSENT where there is none."""
    if node is None or type(old) is not list or node.list_type in ("set", "atomic"):
        return lambda index: ABSENT
    if node.list_type == "map":
        by_key = keyed(node.map_keys, old)
        return lambda index: by_key.get(map_key(node.map_keys, entries[index]), ABSENT)
    return lambda index: old[index] if index < len(old) else ABSENT


def keyed(names: Sequence[str], entries: list[Any]) -> dict[Any, Any]:
    """The entries of a list that is a map by their keys, the first of each."""
    found: dict[Any, Any] = {}
    for each in entries:
        found.setdefault(map_key(names, each), each)
    return found


def map_key(names: Sequence[str], entry: Any) -> Any:
    """The key of an entry of a list that is a map."""
    if not isinstance(entry, dict):
        return ABSENT
    return tuple([(type(entry.get(name)), repr(entry.get(name))) for name in names])


def unchanged(node: Node | None, value: Any, old: Any) -> bool:
    """Whether a value is what it was; lists that are maps may have another order."""
    if type(value) is not type(old):
        return False
    if type(value) is list:
        if len(value) != len(old):
            return False
        if node is None or node.items is None or node.list_type in ("set", "atomic"):
            return equal(value, old)
        before = old_entries(node, value, old)
        return all(
            (was := before(index)) is not ABSENT and unchanged(node.items, each, was)
            for index, each in enumerate(value)
        )
    if type(value) is dict:
        return len(value) == len(old) and all(
            key in old
            and node is not None
            and (below := node.below(key)) is not None
            and unchanged(below, each, old[key])
            for key, each in value.items()
        )
    return bool(value == old)


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON data for Go: 1, 1.0 and true are three."""
    if type(one) is not type(other):
        return False
    if type(one) is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if type(one) is dict:
        return len(one) == len(other) and all(
            key in other and equal(each, other[key]) for key, each in one.items()
        )
    return bool(one == other)
