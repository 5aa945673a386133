"""Sets of fields, as trees.

A tree maps the step to a field to the tree of what is below it: ``f:name`` for a field or a map key,
``k:{...}`` for the list element with these key fields, ``v:...`` for that element of a list of scalars.
``.`` in a tree says that the field itself belongs to the set. That is FieldsV1 of the API, except that
FieldsV1 writes a field without anything below it as an empty object (`encoded`, `decoded`). Decided by the
``fieldpath`` package of structured-merge-diff. No function changes the trees it is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

Fields = dict[str, Any]

SELF: Final = "."
MEMBER: Final[Fields] = {SELF: {}}
"""A field with nothing below it."""


class MalformedFieldSet(ValueError):
    """What should be FieldsV1 is not."""


def decoded(tree: object) -> Fields:
    """The set that FieldsV1 data stands for; `MalformedFieldSet` when it is none."""
    if not isinstance(tree, Mapping):
        raise MalformedFieldSet("FieldsV1 is not an object")
    found: Fields = {}
    for step, below in tree.items():
        if step == SELF:
            found[SELF] = {}
            continue
        if not step.startswith("f:"):
            _rank(step)
        found[step] = decoded(below) or MEMBER
    return found


def encoded(fields: Fields) -> Fields:
    """FieldsV1 data of a set, with its steps in order."""
    found = {}
    steps = sorted(fields)
    if steps and steps[-1][0] in "ikv":
        steps.sort(key=_rank)
    for step in steps:
        below = fields[step]
        found[step] = {} if below is MEMBER or step == SELF or below == MEMBER else encoded(below)
    return found


def union(one: Fields, other: Fields) -> Fields:
    """The fields in either set."""
    if not one or not other or one is other:
        return one or other
    result = dict(one)
    for step, below in other.items():
        result[step] = union(result[step], below) if step in result else below
    return result


def difference(one: Fields, other: Fields) -> Fields:
    """The fields of ``one`` that are not in ``other``."""
    if not other:
        return one
    result: Fields = {}
    for step, below in one.items():
        if step not in other:
            result[step] = below
        elif step != SELF and (rest := difference(below, other[step])):
            result[step] = rest
    return result


def intersection(one: Fields, other: Fields) -> Fields:
    """The fields in both sets."""
    result: Fields = {}
    for step in one.keys() & other.keys():
        if step == SELF:
            result[SELF] = {}
        elif both := intersection(one[step], other[step]):
            result[step] = both
    return result


def without_below(fields: Fields, ignored: Fields) -> Fields:
    """The fields that are neither in ``ignored`` nor below one that is."""
    result: Fields = {}
    for step, below in fields.items():
        over = ignored.get(step)
        if over is None:
            result[step] = below
        elif SELF not in over and (rest := without_below(below, over)):
            result[step] = rest
    return result


def paths(fields: Fields, above: str = "") -> Iterator[str]:
    """The fields of a set as messages name them: ``.spec.containers[name="c"].image``."""
    steps = sorted((step for step in fields if step != SELF), key=_rank)
    yield from (above + named(step) for step in steps if SELF in fields[step])
    for step in steps:
        yield from paths(fields[step], above + named(step))


def named(step: str) -> str:
    """One step as a part of a path in a message."""
    kind, rest = step[:2], step[2:]
    if kind == "f:":
        return f".{rest}"
    value = json.loads(rest)
    if kind == "k:":
        return "[" + ",".join(f"{key}={_shown(each)}" for key, each in value.items()) + "]"
    return f"[={_shown(value)}]" if kind == "v:" else f"[{value}]"


def item(value: Any) -> str:
    """The step to the element ``value`` of a list of scalars."""
    return "v:" + _compact(value)


def keyed(keys: Mapping[str, Any]) -> str:
    """The step to the list element with these key fields, which are sorted."""
    if len(keys) == 1:
        ((key, value),) = keys.items()
        if isinstance(value, str):
            return _keyed_by(key, value)
    return "k:" + _compact(keys)


@lru_cache(maxsize=1024)
def _keyed_by(key: str, value: str) -> str:
    return "k:" + _compact({key: value})


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@lru_cache(maxsize=1024)
def _rank(step: str) -> tuple[int, Any]:
    """Fields before keyed elements before scalars; numbers in keys count as numbers.

    `MalformedFieldSet` for what is no step.
    """
    kind, rest = step[:2], step[2:]
    if kind == "f:" or step == SELF:
        return 0, step
    try:
        value = json.loads(rest)
    except ValueError:
        raise MalformedFieldSet(f"{step!r} names no field") from None
    if kind == "k:" and isinstance(value, dict):
        return 1, [(key, _order(each)) for key, each in value.items()]
    if kind == "v:":
        return 2, _order(value)
    if kind == "i:" and type(value) is int:
        return 3, value
    raise MalformedFieldSet(f"{step!r} names no field")


def _order(value: Any) -> tuple[int, Any]:
    numeric = isinstance(value, int | float)
    return (0, value) if numeric else (1, _shown(value))
