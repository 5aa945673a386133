"""Server-side apply: an object laid over the live one, and whose fields are whose after it.

Decided by ``Apply`` of structured-merge-diff and by the chain of field managers in apimachinery. What a
manager applied before and leaves out now is taken away, unless someone else owns it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from expander.kube.time import api_time
from expander.local.api.patching import last_applied
from expander.local.api.patching.conflicts import conflict
from expander.local.api.patching.entries import Entries, Entry, Identity, entries_of, entry
from expander.local.api.patching.fieldsets import Fields, Malformed, difference, intersection, union
from expander.local.api.patching.managers import (
    NOBODYS,
    Object,
    ignoring,
    overlaps,
    reduced,
    updated,
    with_entries,
)
from expander.local.api.patching.merging import merged
from expander.local.api.patching.problems import check_typed
from expander.local.api.patching.refusals import BadPatch, Untyped
from expander.local.api.patching.shapes import Shape, root
from expander.local.api.patching.typed import compared, filled, owned, removed, with_named
from expander.local.api.patching.written import as_written

BEFORE = "before-first-apply"
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
) -> Object:
    """The object after ``manager`` applied ``applied`` to ``live`` (None: there is none), with owners.

    ``api_version`` and ``kind`` are those of the URL, by default of the live object. The result has yet to
    be defaulted and checked.

    Raises `BadPatch` for an object of another kind or with ``managedFields``, `Untyped` for one that does
    not fit its schema, and `Conflict` when fields of others would change and ``force`` is false.
    """
    api_version = api_version or str((live or applied).get("apiVersion") or "")
    kind = kind or str((live or applied).get("kind") or "")
    _check(applied, api_version, kind)
    shape = root(api_version, kind)
    check_typed(shape, applied)
    before: Object = {"apiVersion": api_version, "kind": kind, **(live or {})}
    try:
        entries = entries_of(live)
    except Malformed as error:
        raise Untyped(f"failed to decode managed fields: {error}") from None
    if not entries and live is not None:
        entries = updated(None, live, {}, BEFORE, now)
    result = _applied(
        shape, before, applied, entries, _mine(shape, applied, manager, subresource), force, now
    )
    return as_written(last_applied.renewed(result, applied) if manager == last_applied.MANAGER else result)


def _check(applied: Mapping[str, Any], api_version: str, kind: str) -> None:
    given = str(applied.get("apiVersion") or ""), str(applied.get("kind") or "")
    if given != (api_version, kind):
        version = given[0] if "/" in given[0] else f"/{given[0]}"
        raise BadPatch(f"invalid object type: {version}, Kind={given[1]}")
    metadata = applied.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("managedFields") is not None:
        raise BadPatch("metadata.managedFields must be nil")


def _mine(shape: Shape, applied: Mapping[str, Any], manager: str, subresource: str) -> Entry:
    """The entry of an applied object: the fields it names."""
    fields = ignoring(owned(shape, applied), subresource)
    return entry(manager, "Apply", str(applied["apiVersion"]), subresource, fields)


def _applied(
    shape: Shape,
    before: Object,
    applied: Mapping[str, Any],
    entries: Entries,
    mine: Entry,
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
    if rest := difference(mine.fields, NOBODYS):
        time = api_time(now) if before != after else last.time if last else ""
        result[identity] = replace(mine, fields=rest, time=time)
    return with_entries(after, result)


def _check_conflicts(
    shape: Shape, live: Object, identity: Identity, taken: Mapping[Identity, Fields]
) -> None:
    """Raise `Conflict` for the fields of others, but for those that kubectl itself set before."""
    if identity.manager == last_applied.MANAGER:
        allowed = last_applied.claims(shape, live)
        rest = {each: difference(fields, allowed) for each, fields in taken.items()}
        taken = {each: fields for each, fields in rest.items() if fields}
    if taken:
        raise conflict(taken)


def _pruned(shape: Shape, after: Object, last: Fields, claimed: Fields) -> Object:
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
