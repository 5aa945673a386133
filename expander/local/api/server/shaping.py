"""Objects in the form that a client accepts: as they are, as a Table, or their metadata alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from expander.kube.scheme import Resource
from expander.local.api.server.answers import Form
from expander.local.api.server.refusals import Refused
from expander.local.api.views import lists, statuses, tables
from expander.local.store.encoding import Object

TABLE: Final = "Table"
PARTIAL: Final = "PartialObjectMetadata"
PARTIAL_LIST: Final = "PartialObjectMetadataList"

KINDS: Final = frozenset(("", TABLE, PARTIAL, PARTIAL_LIST))


def chosen(forms: Sequence[Form]) -> Form:
    """The first form that objects have; Refused when there is none."""
    for form in forms:
        if form.kind in KINDS:
            return form
    raise Refused(statuses.not_acceptable())


def one(
    resource: Resource, obj: Object, form: Form, now: float, *, include: str = "", headers: bool = True
) -> Object:
    """A single object; ``include`` and ``headers`` are about tables."""
    if form.kind == TABLE:
        return tables.table(resource.kind, [obj], now, include=include, headers=headers)
    if form.kind == PARTIAL:
        return lists.partial(obj)
    return obj


def several(
    resource: Resource,
    objects: Sequence[Mapping[str, Any]],
    metadata: Object,
    form: Form,
    now: float,
    *,
    include: str = "",
) -> Object:
    """A list; ``metadata`` is the list's own."""
    if form.kind == TABLE:
        return tables.table(resource.kind, objects, now, metadata=metadata, include=include)
    if form.kind == PARTIAL_LIST:
        return lists.partial_list(objects, metadata)
    return lists.listed(resource.api_version, resource.kind, objects, metadata)
