"""Objects compared, merged and cut by the schemas of their fields.

Decided by the ``typed`` package and ``Merge`` of structured-merge-diff: a granular object or list is taken
apart, anything else is one value; empty and null differ from absent. Fields that only the live object has
stay; keyed lists and sets are merged by element, in the order of the applied object.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from expander.base.named_tuple import NamedTuple
from expander.kube.merge_patch import without_nulls
from expander.local.apiserver.patch.field_sets import MEMBER, SELF, Fields, item, keyed
from expander.local.apiserver.patch.merge_schema import LISTS, MergeForm, MergeSchema

ABSENT: Final[Any] = object()
_SINGLE: Final = (MergeForm.SCALAR, MergeForm.ATOMIC)
_OBJECTS: Final = (MergeForm.STRUCT, MergeForm.MAP, MergeForm.DEDUCED)


class FieldChanges(NamedTuple):
    """The fields that are new, have another value, are gone."""

    added: Fields
    modified: Fields
    removed: Fields


NO_CHANGES: Final = FieldChanges({}, {}, {})


def compared(shape: MergeSchema | None, old: Any, new: Any) -> FieldChanges:
    """What changed from ``old`` to ``new``, of which one may be `ABSENT`."""
    if shape is None:
        return NO_CHANGES
    if old is ABSENT:
        return FieldChanges(everything(shape, new), {}, {})
    if new is ABSENT:
        return FieldChanges({}, {}, everything(shape, old))
    if _equal(old, new):
        return NO_CHANGES
    before, after = _parts(shape, old), _parts(shape, new)
    if not before and not after:
        return FieldChanges({}, MEMBER, {})
    fresh = {key: below for key, below in after.items() if key not in before}
    gone = {key: below for key, below in before.items() if key not in after}
    changes = FieldChanges(_below(shape, fresh), {}, _below(shape, gone))
    for key, was in before.items():
        now = after.get(key, was)
        if now is was:
            continue
        step = key if shape.form in LISTS else f"f:{key}"
        for total, part in zip(changes, compared(child(shape, step), was, now), strict=True):
            if part:
                total[step] = part
    return changes


class Outline(tuple[Any, ...]):
    """What the fields of ``value`` depend on: all but its single values. Objects of a batch have the same."""

    value: Mapping[str, Any]


def outline_of(shape: MergeSchema, value: Mapping[str, Any]) -> Outline:
    """The outline of an object."""
    parts: list[Any] = []
    _sketch(shape, value, parts)
    outline = Outline(parts)
    outline.value = value
    return outline


def _sketch(shape: MergeSchema, value: Any, parts: list[Any]) -> None:
    """Add the keys of an object, the length and the steps of a list, or a type, and what is below."""
    if isinstance(value, dict) and shape.form in _OBJECTS:
        keys = tuple(value)
        parts.append(keys)
        for key, _, below in _fields_of(shape, keys)[1]:
            _sketch(below, value[key], parts)
    elif isinstance(value, list) and shape.form in LISTS:
        parts.append(len(value))
        for each in value:
            parts.append(step_to(shape, each))
            _sketch(shape.element, each, parts)
    else:
        parts.append(None if value is None else type(value))


def everything(shape: MergeSchema | None, value: Any) -> Fields:
    """The field that holds ``value`` and all fields below it."""
    if shape is None:
        return {}
    parts = _parts(shape, value)
    if not parts:
        return MEMBER
    fields = _below(shape, parts)
    fields[SELF] = {}
    return fields


def _parts(shape: MergeSchema, value: Any) -> dict[str, Any]:
    """What ``value`` consists of, by key, or by step in a list; nothing when it is one value or empty."""
    return value if isinstance(value, dict) and shape.form in _OBJECTS else members(shape, value)


def _below(shape: MergeSchema, parts: Mapping[str, Any]) -> Fields:
    """The fields of these `_parts` of a value."""
    if not parts:
        return {}
    if shape.form in LISTS:
        return {step: everything(shape.element, below) for step, below in parts.items()}
    single, granular = _fields_of(shape, tuple(parts))
    fields = {**single}
    for key, step, below in granular:
        fields[step] = everything(below, parts[key])
    return fields


@lru_cache(maxsize=1024)
def _fields_of(
    shape: MergeSchema, keys: tuple[str, ...]
) -> tuple[Fields, list[tuple[str, str, MergeSchema]]]:
    """The fields of an object that are one value, and the others: key, step, and shape."""
    found = [(key, f"f:{key}", below) for key in keys if (below := shape.field(key)) is not None]
    single = {step: MEMBER for _, step, below in found if below.form in _SINGLE}
    return single, [each for each in found if each[2].form not in _SINGLE]


def filled(skeleton: Mapping[str, Any], obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """``obj`` with what Go writes where it has nothing (see `Shape.empty`)."""
    more = {}
    for key, usual in skeleton.items():
        if key not in obj:
            more[key] = usual
        elif usual and isinstance(obj[key], Mapping):
            below = filled(usual, obj[key])
            if below is not obj[key]:
                more[key] = below
    return {**obj, **more} if more else obj


def owned(shape: MergeSchema, value: Any) -> Fields:
    """The fields that applying ``value`` claims."""
    if not is_granular(shape, value):
        return MEMBER
    fields: Fields = {}
    for step, below in members(shape, value).items():
        under = child(shape, step)
        if under is None:
            continue
        claimed = owned(under, below) if below is not None else {}
        named = shape.form is MergeForm.STRUCT
        if not named or below is None or below == {}:
            claimed = {**claimed, SELF: {}}
        if claimed:
            fields[step] = claimed
    return fields


def with_named(shape: MergeSchema | None, fields: Fields) -> Fields:
    """``fields`` and the struct fields on the way to them, which are not claimed but implied."""
    if shape is None:
        return fields
    found: Fields = {}
    for step, below in fields.items():
        if step == SELF:
            found[SELF] = {}
            continue
        found[step] = with_named(child(shape, step), below)
        if shape.form is MergeForm.STRUCT and child(shape, step) is not None:
            found[step][SELF] = {}
    return found


def removed(shape: MergeSchema | None, value: Any, fields: Fields) -> Any:
    """``value`` without the ``fields``; `ABSENT` when nothing is left of an object or a list."""
    if shape is None or not is_granular(shape, value):
        return value
    steps = _steps(shape, value)
    kept: list[tuple[Any, Any]] = []
    for step, key, below in steps:
        cut = fields.get(step, {})
        if SELF in cut:
            continue
        rest = removed(child(shape, step), below, cut) if cut else below
        if rest is not ABSENT:
            kept.append((key, rest))
    if not kept:
        return ABSENT
    return [rest for _, rest in kept] if isinstance(value, list) else dict(kept)


def members(shape: MergeSchema, value: Any) -> dict[str, Any]:
    """What ``value`` consists of, by step; nothing when it is one value or empty.

    Elements that nothing tells apart share a step and are then one value, a tuple.
    """
    if not is_granular(shape, value):
        return {}
    if isinstance(value, dict):
        return {f"f:{key}": below for key, below in value.items()}
    found: dict[str, Any] = {}
    for step, _, below in _steps(shape, value):
        found[step] = (found[step], below) if step in found else below
    return found


def child(shape: MergeSchema, step: str) -> MergeSchema | None:
    """The shape one step below; None when there is no such field."""
    return shape.field(step[2:]) if step.startswith("f:") else shape.element


def is_granular(shape: MergeSchema, value: Any) -> bool:
    """Whether ``value`` is merged piece by piece, and is of the type for it."""
    if isinstance(value, dict):
        return shape.form in _OBJECTS
    return isinstance(value, list) and shape.form in LISTS


def step_to(shape: MergeSchema, element: Any) -> str:
    """The step to an element of a SET or KEYED list."""
    if shape.form is MergeForm.SET or not isinstance(element, Mapping):
        return item(element)
    values = {key: element.get(key, shape.key_defaults.get(key)) for key in shape.keys}
    return keyed({key: value for key, value in values.items() if value is not None})


def _steps(shape: MergeSchema, value: Any) -> list[tuple[str, Any, Any]]:
    """Step, key (for a list the step again) and value of each part."""
    if isinstance(value, dict):
        return [(f"f:{key}", key, below) for key, below in value.items()]
    return [(step, step, below) for below in value for step in (step_to(shape, below),)]


def _equal(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def merged(shape: MergeSchema | None, live: Any, applied: Any) -> Any:
    """``applied`` over ``live``; both are there. What stays the same is shared with either."""
    if shape is None:
        return applied
    if applied is None and is_granular(shape, live) and live:
        return live
    if not is_granular(shape, applied):
        return applied
    if not is_granular(shape, live) or not live:
        return without_nulls(applied)
    if not applied:
        return live
    return _lists(shape, live, applied) if isinstance(applied, list) else _objects(shape, live, applied)


def _objects(shape: MergeSchema, live: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(live)
    for key, value in applied.items():
        below = merged(shape.field(key), result[key], value) if key in result else without_nulls(value)
        if below is None:
            result.pop(key, None)
        else:
            result[key] = below
    return result


def _lists(shape: MergeSchema, live: list[Any], applied: list[Any]) -> list[Any]:
    """Elements only the live list has stay between those that both have, as far as orders agree."""
    here, there = [step_to(shape, each) for each in live], [step_to(shape, each) for each in applied]
    old, new = dict(zip(here, live, strict=True)), dict(zip(there, applied, strict=True))
    shared = [step for step in there if step in old]
    done: set[str] = set()
    out: list[Any] = []

    def take(step: str) -> None:
        done.add(step)
        below = new[step]
        if shape.form is MergeForm.KEYED and step in old:
            below = merged(child(shape, step), old[step], below)
        out.append(below)

    i = j = 0
    while i < len(here) or j < len(there):
        if i < len(here) and j < len(there):
            if here[i] == there[j]:
                take(there[j])
                i, j, shared = i + 1, j + 1, shared[1:]
                continue
            if here[i] in new and shared and shared[0] != here[i]:
                i += 1
                continue
        if i < len(here):
            if here[i] not in new:
                out.append(live[i])
                i += 1
                continue
            if here[i] in done:
                i += 1
        if j < len(there):
            take(there[j])
            shared = shared[1:] if shared and shared[0] == there[j] else shared
            j += 1
    return out
