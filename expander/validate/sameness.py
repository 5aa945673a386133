"""Whether two values of a field mean the same to the API server (apimachinery's semantic equality).

An empty list, map or text is the same as one that is left out, and so is null; an object with fields of
its own that is there but empty is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_MAPS: Final = frozenset(
    (
        "annotations",
        "binaryData",
        "data",
        "hard",
        "labels",
        "limits",
        "matchLabels",
        "nodeSelector",
        "options",
        "overhead",
        "requests",
        "volumeAttributes",
    )
)
"""Fields that are maps: they can be empty without being there."""


def same(one: Any, other: Any) -> bool:
    """Whether the two values, both with their defaults, are equal for the server."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return all(_same_field(name, one.get(name), other.get(name)) for name in {**one, **other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return bool(one == other)


def same_at(one: Mapping[str, Any], other: Mapping[str, Any], *fields: str) -> bool:
    """Whether two objects have the same in ``fields``."""
    return all(_same_field(field, one.get(field), other.get(field)) for field in fields)


def _same_field(name: str, one: Any, other: Any) -> bool:
    return same(_present(name, one), _present(name, other))


def _present(name: str, value: Any) -> Any:
    """None for what is as good as left out."""
    empty = value == "" or value == [] or (value == {} and name in _MAPS)
    return None if empty else value
