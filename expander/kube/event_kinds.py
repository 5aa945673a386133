"""Events of the group events.k8s.io: the same objects as v1 Events under other names of fields.

pkg/apis/events/v1/conversion.go decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube.api_resource import ALL_VERBS, PRINTERS, RULES, Resource

_CORE_NAMES: Final = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_OWN_NAMES: Final = {core: own for own, core in _CORE_NAMES.items()}


class EventResource(Resource):
    """The row of events.k8s.io; the store has v1 Events."""

    @property
    def stored_version(self) -> str:
        """That of the core group."""
        return "v1"

    def stored(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """The v1 Event."""
        return {**_renamed(obj, _CORE_NAMES), "apiVersion": "v1"}

    def shown(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """The Event of this group."""
        return {**_renamed(obj, _OWN_NAMES), "apiVersion": self.api_version}

    def printed(self, obj: Mapping[str, Any]) -> Mapping[str, Any]:
        """Tables are those of v1 Events."""
        return self.stored(obj)


def _renamed(obj: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(field, field): value for field, value in obj.items()}


EVENT: Final = EventResource(
    group="events.k8s.io",
    kind="Event",
    plural="events",
    short_names=("ev",),
    verbs=ALL_VERBS,
    stored_as="Event",
    rules=RULES + "components:check_event",
    schema="expander.local.apiserver.patch.merge_schema:EVENT",
    printer=PRINTERS + "core:EVENT",
    field_labels="expander.local.apiserver.field_selectors:EVENT_OF_GROUP",
)
