"""The entries of ``metadata.managedFields``: read, written, in the order of the API.

An entry is told apart from others by manager, operation, API version and subresource; for an apply the
version does not count. Decided by apimachinery's ``managedfields`` package.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, NamedTuple

from expander.local.api.patching.fieldsets import Fields, Malformed, decoded, encoded, union

Operation = Literal["Apply", "Update"]

MOST_UPDATERS: Final = 10
"""Managers by update that are kept apart; the oldest beyond that become one."""
BUCKET: Final = "ancient-changes"


class Identity(NamedTuple):
    """Who manages fields, and how."""

    manager: str
    operation: Operation
    api_version: str
    """Empty for an apply."""
    subresource: str


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields one manager owns. ``time`` is RFC 3339, of the last change, or empty."""

    identity: Identity
    api_version: str
    fields: Fields
    time: str = ""

    @property
    def applied(self) -> bool:
        """Whether the fields were applied: then leaving them out later takes them away."""
        return self.identity.operation == "Apply"

    def owning(self, fields: Fields) -> Entry:
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


Entries = dict[Identity, Entry]


def entry(manager: str, operation: Operation, api_version: str, subresource: str, fields: Fields) -> Entry:
    """An entry without a time."""
    version = "" if operation == "Apply" else api_version
    return Entry(Identity(manager or "unknown", operation, version, subresource), api_version, fields)


def entries_of(obj: Mapping[str, Any] | None) -> Entries:
    """The entries of an object; `Malformed` when they cannot be read."""
    return {} if obj is None else parsed((obj.get("metadata") or {}).get("managedFields") or [])


def parsed(listed: object) -> Entries:
    """The entries in the value of ``managedFields``; `Malformed` when they cannot be read."""
    found: Entries = {}
    if not isinstance(listed, list):
        raise Malformed("managedFields is not a list")
    for each in listed:
        if not isinstance(each, Mapping) or each.get("operation") not in ("Apply", "Update"):
            raise Malformed("an entry of managedFields has no operation")
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


def listed(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The value of ``managedFields``: applies first, then by time, manager, version and subresource."""

    def rank(each: Entry) -> tuple[str, ...]:
        manager, operation, _, subresource = each.identity
        return operation, each.time, manager, each.api_version, subresource

    return [each.as_json() for each in sorted(entries, key=rank)]


def capped(entries: Entries) -> Entries:
    """The entries with at most `MOST_UPDATERS` by update: the oldest are put together, by API version."""
    updaters = sorted((each for each in entries.values() if not each.applied), key=_age)
    result, over = dict(entries), len(updaters) - MOST_UPDATERS
    first: dict[str, Entry] = {}
    for each in updaters:
        if over <= 0:
            break
        version = each.api_version
        bucket = Identity(BUCKET, "Update", version, "")
        if version not in first:
            first[version] = each
            continue
        if bucket not in result:
            result[bucket] = Entry(bucket, version, result.pop(first[version].identity).fields)
        fields = union(each.fields, result[bucket].fields)
        result.pop(each.identity)
        result[bucket] = Entry(bucket, version, fields, each.time)
        over -= 1
    return result


def _age(each: Entry) -> tuple[str, ...]:
    return each.time, each.identity.manager, each.api_version, each.identity.subresource
