"""``metadata.managedFields``: its entries, and who owns what after a create, an update or a patch.

An entry is told apart by manager, operation, API version and subresource; for an apply the version does not
count. A manager owns what its request changed or added; others lose that. Decided by ``Update`` of
structured-merge-diff and apimachinery's ``managedfields``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.base.named_tuple import NamedTuple
from expander.kube.time import api_time
from expander.local.apiserver.patch.field_sets import (
    MEMBER,
    Fields,
    MalformedFieldSet,
    decoded,
    difference,
    encoded,
    intersection,
    union,
    without_below,
)
from expander.local.apiserver.patch.merge_schema import MergeSchema, canonical_form, root
from expander.local.apiserver.patch.structured_merge import (
    FieldChanges,
    Outline,
    compared,
    filled,
    outline_of,
)

Operation = Literal["Apply", "Update"]

MAX_UPDATE_MANAGERS: Final = 10
"""Managers by update that are kept apart; the oldest beyond that become one."""
ANCIENT_CHANGES: Final = "ancient-changes"


class ManagerIdentity(NamedTuple):
    """Who manages fields, and how."""

    manager: str
    operation: Operation
    api_version: str
    """Empty for an apply."""
    subresource: str


@dataclass(frozen=True, slots=True)
class ManagedFieldsEntry:
    """The fields one manager owns. ``time`` is RFC 3339, of the last change, or empty."""

    identity: ManagerIdentity
    api_version: str
    fields: Fields
    time: str = ""

    @property
    def applied(self) -> bool:
        """Whether the fields were applied: then leaving them out later takes them away."""
        return self.identity.operation == "Apply"

    def owning(self, fields: Fields) -> ManagedFieldsEntry:
        """The entry with other fields."""
        return replace(self, fields=fields)

    def as_json(self) -> dict[str, Any]:
        """The entry as the API writes it."""
        manager, operation, _, subresource = self.identity
        found: dict[str, Any] = {"manager": manager, "operation": operation, "apiVersion": self.api_version}
        if self.time:
            found["time"] = self.time
        found |= {"fieldsType": "FieldsV1", "fieldsV1": encoded(self.fields)}
        return found | ({"subresource": subresource} if subresource else {})


Entries = dict[ManagerIdentity, ManagedFieldsEntry]


def entry(
    manager: str, operation: Operation, api_version: str, subresource: str, fields: Fields
) -> ManagedFieldsEntry:
    """An entry without a time."""
    version = "" if operation == "Apply" else api_version
    return ManagedFieldsEntry(
        ManagerIdentity(manager or "unknown", operation, version, subresource), api_version, fields
    )


def entries_of(obj: Mapping[str, Any] | None) -> Entries:
    """The entries of an object; `MalformedFieldSet` when they cannot be read."""
    return {} if obj is None else parsed((obj.get("metadata") or {}).get("managedFields") or [])


def parsed(listed: object) -> Entries:
    """The entries in the value of ``managedFields``; `MalformedFieldSet` when they cannot be read."""
    found: Entries = {}
    if not isinstance(listed, list):
        raise MalformedFieldSet("managedFields is not a list")
    for each in listed:
        if not isinstance(each, Mapping) or each.get("operation") not in ("Apply", "Update"):
            raise MalformedFieldSet("an entry of managedFields has no operation")
        one = entry(
            str(each.get("manager") or ""),
            each["operation"],
            str(each.get("apiVersion") or ""),
            str(each.get("subresource") or ""),
            decoded(each.get("fieldsV1") or {}),
        )
        one = replace(one, time=str(each.get("time") or ""))
        if one.identity in found:
            one = one.owning(union(found[one.identity].fields, one.fields))
        found[one.identity] = one
    return found


def listed(entries: Iterable[ManagedFieldsEntry]) -> list[dict[str, Any]]:
    """The value of ``managedFields``: applies first, then by time, manager, version and subresource."""

    def rank(each: ManagedFieldsEntry) -> tuple[str, ...]:
        manager, operation, _, subresource = each.identity
        return operation, each.time, manager, each.api_version, subresource

    return [each.as_json() for each in sorted(entries, key=rank)]


def capped(entries: Entries) -> Entries:
    """The entries with at most `MAX_UPDATE_MANAGERS` by update: the oldest are merged, by API version."""
    if len(entries) <= MAX_UPDATE_MANAGERS:
        return entries
    updaters = sorted((each for each in entries.values() if not each.applied), key=_age)
    result, over = dict(entries), len(updaters) - MAX_UPDATE_MANAGERS
    first: dict[str, ManagedFieldsEntry] = {}
    for each in updaters:
        if over <= 0:
            break
        version = each.api_version
        bucket = ManagerIdentity(ANCIENT_CHANGES, "Update", version, "")
        if version not in first:
            first[version] = each
            continue
        if bucket not in result:
            result[bucket] = ManagedFieldsEntry(bucket, version, result.pop(first[version].identity).fields)
        fields = union(each.fields, result[bucket].fields)
        result.pop(each.identity)
        result[bucket] = ManagedFieldsEntry(bucket, version, fields, each.time)
        over -= 1
    return result


def _age(each: ManagedFieldsEntry) -> tuple[str, ...]:
    return each.time, each.identity.manager, each.api_version, each.identity.subresource


Object = dict[str, Any]

UNMANAGED_FIELDS: Final[Fields] = {
    "f:apiVersion": MEMBER,
    "f:kind": MEMBER,
    "f:metadata": dict.fromkeys(
        [
            ".",
            "f:name",
            "f:namespace",
            "f:creationTimestamp",
            "f:selfLink",
            "f:uid",
            "f:clusterName",
            "f:generation",
            "f:managedFields",
            "f:resourceVersion",
        ],
        MEMBER,
    ),
}
"""The fields that are never owned."""

MAX_MANAGER_NAME: Final = 128
"""Characters of a manager's name."""


def update_managers(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    manager: str,
    now: float,
    subresource: str = "",
    *,
    shape: MergeSchema | None = None,
) -> Object:
    """``new`` as it is written, with the owners of its fields in ``metadata.managedFields``.

    ``old`` is the object as it is stored, None when ``new`` is created; ``new`` is defaulted, but nothing
    that the registry sets on its own (selector and labels of a Job, uid, times) is in it yet when it is
    created. Its own ``managedFields`` count, but not those from a request to a subresource; a list with one
    empty entry forgets all owners, and an object whose owners are not known stays so. ``subresource`` is
    ``status`` or empty; ``now`` is in Unix seconds. ``shape`` is that of the kind, by
    default the built-in one.
    """
    new = canonical_form(new)
    entries = _starting(old, new, subresource)
    if entries is None:
        return _with_managed(new, [])
    shape = shape or _shape_of(new)
    if old is None and not entries:
        managed = created(shape, outline_of(shape, new), manager)
        return _with_managed(new, [{**each, "time": api_time(now)} for each in managed])
    return with_entries(new, updated(old, new, entries, manager, now, subresource, shape))


@lru_cache(maxsize=256)
def created(shape: MergeSchema, outline: Outline, manager: str) -> list[dict[str, Any]]:
    """``managedFields`` of a new object of that outline which nobody managed, whatever the time.

    ``shape`` is that of one kind in one API version.
    """
    return listed(updated(None, outline.value, {}, manager, 0.0, shape=shape).values())


def _shape_of(obj: Mapping[str, Any]) -> MergeSchema:
    return root(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))


def updated(
    old: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    entries: Entries,
    manager: str,
    now: float,
    subresource: str = "",
    shape: MergeSchema | None = None,
) -> Entries:
    """The entries after ``manager`` made ``new`` of ``old``, or of nothing."""
    shape = shape or _shape_of(new)
    changes = compared(shape, filled(shape.empty, old or {}), filled(shape.empty, new))
    mine = ignoring(union(changes.modified, changes.added), subresource)
    mine = difference(mine, UNMANAGED_FIELDS)
    result = reduced(entries, changes, subresource)
    if mine:
        one = entry(manager, "Update", str(new.get("apiVersion") or ""), subresource, mine)
        if one.identity in result:
            one = one.owning(union(result[one.identity].fields, mine))
        result[one.identity] = replace(one, time=api_time(now))
    return capped(result)


def reduced(entries: Entries, changes: FieldChanges, subresource: str) -> Entries:
    """The entries without what was changed, and so taken from their owners."""
    if not entries:
        return entries
    taken = ignoring(union(union(changes.modified, changes.added), changes.removed), subresource)
    rest = {identity: difference(each.fields, taken) for identity, each in entries.items()}
    return {identity: entries[identity].owning(fields) for identity, fields in rest.items() if fields}


def overlaps(entries: Entries, changes: FieldChanges, subresource: str) -> dict[ManagerIdentity, Fields]:
    """Of every entry, the fields that are changed or added, if any."""
    changed = ignoring(union(changes.modified, changes.added), subresource)
    found = {identity: intersection(each.fields, changed) for identity, each in entries.items()}
    return {identity: fields for identity, fields in found.items() if fields}


def ignoring(fields: Fields, subresource: str) -> Fields:
    """``fields`` without what a request cannot change: ``status``, or all but it in a request to it."""
    return without_below(fields, {"f:spec": MEMBER} if subresource else {"f:status": MEMBER})


def settled(old: Mapping[str, Any], new: Mapping[str, Any]) -> Object:
    """``new``, or as ``old`` is when only times in ``managedFields`` differ, so that a request that
    changes nothing does not count as a change. Both are defaulted."""
    result = dict(new)
    before, after = (dict(each.get("metadata") or {}) for each in (old, new))
    one, other = before.pop("managedFields", None) or [], after.pop("managedFields", None) or []
    same = _timeless(one) == _timeless(other) and before == after
    return dict(old) if same and {**old, "metadata": {}} == {**result, "metadata": {}} else result


def manager_name(field_manager: str, user_agent: str) -> str:
    """Who a request is by: ``fieldManager`` of its query, else the first part of its User-Agent."""
    if field_manager:
        return field_manager
    name = user_agent.partition("/")[0]
    return "".join(each for each in name if each.isprintable())[:MAX_MANAGER_NAME] or "unknown"


def _starting(old: Mapping[str, Any] | None, new: Mapping[str, Any], subresource: str) -> Entries | None:
    """The entries before the request; None when owners are not to be kept track of."""
    given = (new.get("metadata") or {}).get("managedFields")
    if not subresource and given == [{}]:
        entries: Entries = {}
    else:
        entries = _readable(None if subresource else new) or _readable(old)
    return entries if entries or old is None else None


def _readable(obj: Mapping[str, Any] | None) -> Entries:
    try:
        return entries_of(obj)
    except MalformedFieldSet:
        return {}


def with_entries(obj: Mapping[str, Any], entries: Entries) -> Object:
    """``obj`` with these entries in ``metadata.managedFields`` and no others."""
    return _with_managed(obj, listed(entries.values()))


def _with_managed(obj: Mapping[str, Any], managed: list[dict[str, Any]]) -> Object:
    metadata = {key: value for key, value in (obj.get("metadata") or {}).items() if key != "managedFields"}
    if managed:
        metadata["managedFields"] = managed
    return {**obj, "metadata": metadata}


def _timeless(managed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "time"} for each in managed]
