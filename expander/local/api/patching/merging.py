"""The merge of server-side apply: an applied object laid over one that exists.

Decided by ``Merge`` of structured-merge-diff. Fields that only the live object has stay; lists with keys
and sets are merged by element, in the order of the applied object as far as it says anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from expander.kube.merge_patch import without_nulls
from expander.local.api.patching.shapes import Form, Shape
from expander.local.api.patching.typed import child, step_to, takes_apart


def merged(shape: Shape | None, live: Any, applied: Any) -> Any:
    """``applied`` over ``live``; both are there. What stays the same is shared with either."""
    if shape is None:
        return applied
    if applied is None and takes_apart(shape, live) and live:
        return live
    if not takes_apart(shape, applied):
        return applied
    if not takes_apart(shape, live) or not live:
        return without_nulls(applied)
    if not applied:
        return live
    return _lists(shape, live, applied) if isinstance(applied, list) else _objects(shape, live, applied)


def _objects(shape: Shape, live: Mapping[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(live)
    for key, value in applied.items():
        below = merged(shape.field(key), result[key], value) if key in result else without_nulls(value)
        if below is None:
            result.pop(key, None)
        else:
            result[key] = below
    return result


def _lists(shape: Shape, live: list[Any], applied: list[Any]) -> list[Any]:
    """Elements only the live list has stay between those that both have, as far as orders agree."""
    here, there = [step_to(shape, each) for each in live], [step_to(shape, each) for each in applied]
    old, new = dict(zip(here, live, strict=True)), dict(zip(there, applied, strict=True))
    shared = [step for step in there if step in old]
    done: set[str] = set()
    out: list[Any] = []

    def take(step: str) -> None:
        done.add(step)
        below = new[step]
        if shape.form is Form.KEYED and step in old:
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
