"""Objects as a ``meta.k8s.io/v1`` Table (apiserver's ``handlers/response.go`` decides).

Cells are as of a time: ages grow though the objects stay.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from expander.kube.api_resource import Resource
from expander.local.apiserver.pagination import META, partial
from expander.local.apiserver.printers.columns import Layout, Object, layout_of


def table(
    resource: Resource,
    objects: Iterable[Object],
    now: float,
    *,
    metadata: Object | None = None,
    include: str = "",
    headers: bool = True,
) -> dict[str, Any]:
    """The table of objects of one resource at ``now`` (Unix seconds).

    ``metadata`` is that of the list (`pages.Page.metadata`); without it the table is of a single object and
    has its resource version. ``include`` is the query parameter ``includeObject``. ``headers`` is false for
    the second and later events of a watch, which do not repeat the columns. Raises ValueError in the words
    of the API for an ``include`` there is not.
    """
    if include not in ("", "None", "Metadata", "Object"):
        raise ValueError(f'unrecognized includeObject value: "{include}"')
    layout = layout_of(resource)
    shown = [*objects]
    if metadata is None:
        metadata = {"resourceVersion": shown[0]["metadata"].get("resourceVersion", "")}
    return {
        "kind": "Table",
        "apiVersion": META,
        "metadata": dict(metadata),
        "columnDefinitions": [column.definition for column in layout.columns] if headers else None,
        "rows": [_row(layout, resource.printed(obj), obj, now, include) for obj in shown],
    }


def _row(layout: Layout, printed: Object, obj: Object, now: float, include: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": layout.cells(printed, now)}
    if conditions := layout.conditions(printed):
        row["conditions"] = conditions
    return row | {"object": None if include == "None" else obj if include == "Object" else partial(obj)}
