"""Server-side apply: an object laid over the live one, and who owns which field after it.

Decided by ``Apply`` of structured-merge-diff and the field managers of apimachinery. What a manager applied
before and leaves out now is removed, unless another owns it too. The manager ``kubectl`` is special: it
continues from the annotation of client-side apply (``LastAppliedManager``, ``LastAppliedUpdater``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from expander.kube.gofmt import literal, plain, type_name
from expander.kube.time import api_time
from expander.local.apiserver.patch.errors import BadPatch, Cause, Conflict, Untyped
from expander.local.apiserver.patch.field_sets import (
    Fields,
    MalformedFieldSet,
    difference,
    intersection,
    named,
    paths,
    union,
)
from expander.local.apiserver.patch.managed_fields import (
    UNMANAGED_FIELDS,
    Entries,
    ManagedFieldsEntry,
    ManagerIdentity,
    Object,
    entries_of,
    entry,
    ignoring,
    overlaps,
    reduced,
    updated,
    with_entries,
)
from expander.local.apiserver.patch.merge_schema import (
    ElementType,
    MergeForm,
    MergeSchema,
    canonical_form,
    root,
)
from expander.local.apiserver.patch.structured_merge import (
    compared,
    filled,
    merged,
    owned,
    removed,
    step_to,
    with_named,
)


def conflict(taken: Mapping[ManagerIdentity, Fields]) -> Conflict:
    """The error for these fields of these managers."""
    found = [(_named(identity), list(paths(taken[identity]))) for identity in sorted(taken)]
    causes = [
        Cause("FieldManagerConflict", f"conflict with {manager}", path)
        for manager, fields in found
        for path in fields
    ]
    if len(causes) == 1:
        return Conflict(f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}", causes)
    lines = []
    for manager, fields in found:
        lines += [f"conflicts with {manager}:", *(f"- {path}" for path in fields)]
    return Conflict(f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines), causes)


def _named(identity: ManagerIdentity) -> str:
    name = json.dumps(identity.manager, ensure_ascii=False)
    if identity.subresource:
        name += f' with subresource "{identity.subresource}"'
    return name if identity.operation == "Apply" else f"{name} using {identity.api_version}"


KUBECTL_MANAGER: Final = "kubectl"
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
MAX_ANNOTATION_BYTES: Final = 256 * 1024
"""Bytes all annotations of an object may have."""


def claims(shape: MergeSchema, live: Mapping[str, Any]) -> Fields:
    """The fields the annotation of ``live`` claims: they may be taken from others, since kubectl set them.

    Those that differ by now are claimed no more. Nothing without a readable annotation.
    """
    try:
        before = json.loads(_annotations(live).get(LAST_APPLIED) or "null")
    except ValueError:
        return {}
    if not isinstance(before, dict) or before.get("apiVersion") != live.get("apiVersion"):
        return {}
    fields = owned(shape, before)
    for changed in compared(shape, before, live):
        fields = difference(fields, changed)
    return fields


def renewed(obj: dict[str, Any], applied: Mapping[str, Any]) -> dict[str, Any]:
    """``obj`` with ``applied`` in the annotation, if it has one; without it if that gets too long."""
    annotations = dict(_annotations(obj))
    if not annotations.get(LAST_APPLIED):
        return obj
    annotations[LAST_APPLIED] = written(applied)
    if sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) > MAX_ANNOTATION_BYTES:
        del annotations[LAST_APPLIED]
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def written(applied: Mapping[str, Any]) -> str:
    """An applied object as the annotation holds it: Go's JSON with sorted keys and a newline."""
    if LAST_APPLIED in _annotations(applied):
        annotations = {key: value for key, value in _annotations(applied).items() if key != LAST_APPLIED}
        applied = {**applied, "metadata": {**applied["metadata"], "annotations": annotations}}
    text = json.dumps(applied, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text + "\n"


def _annotations(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = obj.get("metadata")
    found = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def check_typed(shape: MergeSchema, applied: Mapping[str, Any]) -> None:
    """Raise `Untyped` when ``applied`` has fields its kind does not have, values of a wrong type, or two
    list elements with the same key."""
    found = [f"{path}: {message}" if path else message for path, message in problems(shape, applied)]
    if not found:
        return
    metadata = applied.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    about = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}; {_kind(applied)}"
    told = found[0] if len(found) == 1 else "\n".join(["errors:", *(f"  {each}" for each in found)])
    raise Untyped(f"failed to create typed patch object ({about}): {told}")


def problems(shape: MergeSchema, value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and message of everything that does not fit."""
    if value is None or shape.holds is ElementType.ANYTHING:
        return
    if shape.holds is ElementType.FIELDS:
        yield from _fields(shape, value, path)
    elif shape.holds is ElementType.ELEMENTS:
        yield from _elements(shape, value, path)
    else:
        yield from _scalar(shape, value, path)


def _fields(shape: MergeSchema, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, Mapping):
        yield path, f"expected map, got &{{{plain(value)}}}"
        return
    for key, below in value.items():
        under = shape.field(key)
        if under is None:
            yield f"{path}.{key}", "field not declared in schema"
        else:
            yield from problems(under, below, f"{path}.{key}")


def _elements(shape: MergeSchema, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, list):
        yield path, f"expected list, got &{{{plain(value)}}}"
        return
    seen: set[str] = set()
    for index, below in enumerate(value):
        place = f"i:{index}"
        if shape.form in (MergeForm.SET, MergeForm.KEYED):
            if message := _misfit(shape, below):
                yield path, f"element {index}: {message}"
                return
            place = step_to(shape, below)
            if place in seen:
                yield path, f"duplicate entries for key {named(place)}"
            seen.add(place)
        yield from problems(shape.element, below, path + named(place))


def _misfit(shape: MergeSchema, element: Any) -> str:
    """Why an element of a SET or KEYED list cannot be told apart from others."""
    if shape.form is MergeForm.SET:
        if element is None:
            return "associative list without keys has an element that's an explicit null"
        if isinstance(element, Mapping):
            return "associative list without keys has an element that's a map type"
        return "not supported: associative list with lists as elements" if isinstance(element, list) else ""
    if element is None:
        return "associative list with keys may not have a null element"
    if not isinstance(element, Mapping):
        return "associative list with keys may not have non-map elements"
    if step_to(shape, element) == "k:{}":
        keys = " ".join(f'"{key}"' for key in shape.keys)
        told = "(and doesn't have default values for any key fields)"
        return f"associative list with keys has an element that omits all key fields [{keys}] {told}"
    return ""


def _scalar(shape: MergeSchema, value: Any, path: str) -> Iterator[tuple[str, str]]:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if shape.scalar == "numeric" and not numeric:
        yield path, f"expected numeric (int or float), got {type_name(value)}"
    elif shape.scalar == "string" and not isinstance(value, str):
        yield path, f"expected string, got &value.valueUnstructured{{Value:{literal(value)}}}"
    elif shape.scalar == "boolean" and not isinstance(value, bool):
        yield path, f"expected boolean, got &{{{plain(value)}}}"
    elif isinstance(value, Mapping | list):
        yield path, f"expected any scalar, got &{{{plain(value)}}}"


def _kind(applied: Mapping[str, Any]) -> str:
    version = str(applied.get("apiVersion") or "")
    return f"{version if '/' in version else '/' + version}, Kind={applied.get('kind') or ''}"


BEFORE_FIRST_APPLY = "before-first-apply"
"""Owns what is in an object that has no known owners when something is applied to it first."""


def apply_patch(
    live: Mapping[str, Any] | None,
    applied: Mapping[str, Any],
    manager: str,
    force: bool,
    now: float,
    *,
    api_version: str = "",
    kind: str = "",
    subresource: str = "",
    shape: MergeSchema | None = None,
) -> Object:
    """The object after ``manager`` applied ``applied`` to ``live`` (None: there is none), with owners.

    ``api_version`` and ``kind`` are those of the URL, by default of the live object, and ``shape`` is that of
    the kind. The result has yet to be defaulted and checked.

    Raises `BadPatch` for an object of another kind or with ``managedFields``, `Untyped` for one that does
    not fit its schema, and `Conflict` when fields of others would change and ``force`` is false.
    """
    api_version = api_version or str((live or applied).get("apiVersion") or "")
    kind = kind or str((live or applied).get("kind") or "")
    _check(applied, api_version, kind)
    shape = shape or root(api_version, kind)
    check_typed(shape, applied)
    before: Object = {"apiVersion": api_version, "kind": kind, **(live or {})}
    try:
        entries = entries_of(live)
    except MalformedFieldSet as error:
        raise Untyped(f"failed to decode managed fields: {error}") from None
    if not entries and live is not None:
        entries = updated(None, live, {}, BEFORE_FIRST_APPLY, now, shape=shape)
    result = _applied(
        shape, before, applied, entries, _mine(shape, applied, manager, subresource), force, now
    )
    return canonical_form(renewed(result, applied) if manager == KUBECTL_MANAGER else result)


def _check(applied: Mapping[str, Any], api_version: str, kind: str) -> None:
    given = str(applied.get("apiVersion") or ""), str(applied.get("kind") or "")
    if given != (api_version, kind):
        version = given[0] if "/" in given[0] else f"/{given[0]}"
        raise BadPatch(f"invalid object type: {version}, Kind={given[1]}")
    metadata = applied.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("managedFields") is not None:
        raise BadPatch("metadata.managedFields must be nil")


def _mine(
    shape: MergeSchema, applied: Mapping[str, Any], manager: str, subresource: str
) -> ManagedFieldsEntry:
    """The entry of an applied object: the fields it names."""
    fields = ignoring(owned(shape, applied), subresource)
    return entry(manager, "Apply", str(applied["apiVersion"]), subresource, fields)


def _applied(
    shape: MergeSchema,
    before: Object,
    applied: Mapping[str, Any],
    entries: Entries,
    mine: ManagedFieldsEntry,
    force: bool,
    now: float,
) -> Object:
    identity = mine.identity
    others = {each: owner for each, owner in entries.items() if each != identity}
    last = entries.get(identity)
    after: Object = merged(shape, before, applied)
    if last is not None:
        after = _pruned(shape, after, last.fields, union(mine.fields, _all(others)))
    changes = compared(shape, filled(shape.empty, before), filled(shape.empty, after))
    taken = overlaps(others, changes, identity.subresource)
    if taken and not force:
        _check_conflicts(shape, before, identity, taken)
    result = reduced(others, changes, identity.subresource)
    if rest := difference(mine.fields, UNMANAGED_FIELDS):
        time = api_time(now) if before != after else last.time if last else ""
        result[identity] = replace(mine, fields=rest, time=time)
    return with_entries(after, result)


def _check_conflicts(
    shape: MergeSchema, live: Object, identity: ManagerIdentity, taken: Mapping[ManagerIdentity, Fields]
) -> None:
    """Raise `Conflict` for the fields of others, but for those that kubectl itself set before."""
    if identity.manager == KUBECTL_MANAGER:
        allowed = claims(shape, live)
        rest = {each: difference(fields, allowed) for each, fields in taken.items()}
        taken = {each: fields for each, fields in rest.items() if fields}
    if taken:
        raise conflict(taken)


def _pruned(shape: MergeSchema, after: Object, last: Fields, claimed: Fields) -> Object:
    """``after`` without the fields in ``last`` that nobody claims any more.

    What is below such a field and has not been applied by the manager stays, and the field with it.
    """
    named, whole = with_named(shape, last), with_named(shape, owned(shape, after))
    bare = with_named(shape, owned(shape, removed(shape, after, named)))
    kept = removed(shape, after, difference(whole, union(bare, with_named(shape, claimed))))
    gone = intersection(difference(whole, with_named(shape, owned(shape, kept))), named)
    result: Object = removed(shape, after, gone)
    return result


def _all(entries: Entries) -> Fields:
    """The fields anyone owns."""
    found: Fields = {}
    for each in entries.values():
        found = union(found, each.fields)
    return found
