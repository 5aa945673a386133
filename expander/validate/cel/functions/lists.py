"""Lists: those of Kubernetes (``cel/library/lists.go``), cel-go's ``ext.Lists`` and ``ext.Sets``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key, reduce
from itertools import pairwise
from typing import Any, Final

from expander.validate.cel.functions.arguments import integer, listed
from expander.validate.cel.functions.strings import index_of, last_index_of
from expander.validate.cel.operators import add
from expander.validate.cel.values import (
    LISTS,
    NONE,
    CelError,
    Duration,
    Optional,
    Uint,
    compare,
    equals,
    no_overload,
)


def _is_sorted(values: Any) -> bool:
    found = listed(values)
    return all(compare(one, other) <= 0 for one, other in pairwise(found))


def _sum(values: Any) -> Any:
    found = listed(values)
    if not found:
        return 0
    if type(found[0]) not in (int, float, Duration, Uint):
        return no_overload()
    return reduce(add, found)


def _extreme(name: str, sign: int) -> Callable[[Any], Any]:
    def find(values: Any) -> Any:
        found = listed(values)
        if not found:
            raise CelError(f"{name} called on empty list")
        return reduce(lambda one, other: other if compare(one, other) * sign > 0 else one, found)

    return find


def _index_of(values: Any, wanted: Any) -> int:
    if type(values) is str:
        return index_of(values, wanted)
    return next((at for at, each in enumerate(listed(values)) if equals(each, wanted)), -1)


def _last_index_of(values: Any, wanted: Any) -> int:
    if type(values) is str:
        return last_index_of(values, wanted)
    found = listed(values)
    return next((at for at in reversed(range(len(found))) if equals(found[at], wanted)), -1)


def _slice(values: Any, start: Any, end: Any) -> list[Any]:
    found = listed(values)
    if integer(start) < 0 or integer(end) < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if end > len(found):
        raise CelError(f"cannot slice({start}, {end}), list is length {len(found)}")
    return found[start:end]


def _flatten(values: Any, depth: Any = 1) -> list[Any]:
    if integer(depth) < 0:
        raise CelError("level must be non-negative")
    found: list[Any] = []
    for each in listed(values):
        if type(each) in LISTS and depth > 0:
            found += _flatten(each, depth - 1)
        else:
            found.append(each)
    return found


def distinct(values: Any) -> list[Any]:
    """The entries without those that were there before."""
    found: list[Any] = []
    for each in listed(values):
        if not any(equals(each, known) for known in found):
            found.append(each)
    return found


def _sort(values: Any) -> list[Any]:
    return sorted(listed(values), key=cmp_to_key(compare))


def _has_all(one: Any, other: Any) -> bool:
    mine = listed(one)
    return all(any(equals(each, known) for known in mine) for each in listed(other))


def _first(values: Any) -> Optional:
    found = listed(values)
    return Optional(found[0]) if found else NONE


def _last(values: Any) -> Optional:
    found = listed(values)
    return Optional(found[-1]) if found else NONE


FUNCTIONS: Final = {
    ("lists.range", 1): lambda count: list(range(integer(count))),
    ("sets.contains", 2): _has_all,
    ("sets.equivalent", 2): lambda one, other: _has_all(one, other) and _has_all(other, one),
    ("sets.intersects", 2): lambda one, other: any(_has_all(one, [each]) for each in listed(other)),
}
METHODS: Final = {
    ("distinct", 0): distinct,
    ("first", 0): _first,
    ("flatten", 0): _flatten,
    ("flatten", 1): _flatten,
    ("indexOf", 1): _index_of,
    ("isSorted", 0): _is_sorted,
    ("last", 0): _last,
    ("lastIndexOf", 1): _last_index_of,
    ("max", 0): _extreme("max", -1),
    ("min", 0): _extreme("min", 1),
    ("slice", 2): _slice,
    ("sort", 0): _sort,
    ("sum", 0): _sum,
}
