"""Objects as a ``meta.k8s.io/v1`` Table: what ``kubectl get`` prints, computed by the server.

Cells are as of a time: ages grow though the objects stay. The rows of each kind are made by the ``rows_*``
modules; how the table is put together is decided by apiserver's ``handlers/response.go``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.local.api.views import rows_batch, rows_cluster, rows_config, rows_event, rows_pod, rows_service
from expander.local.api.views.columns import Layout, Object
from expander.local.api.views.lists import META, partial

LAYOUTS: Final[Mapping[str, Layout]] = {
    "ConfigMap": rows_config.CONFIG_MAP,
    "CronJob": rows_batch.CRON_JOB,
    "Event": rows_event.EVENT,
    "Job": rows_batch.JOB,
    "LimitRange": rows_cluster.LIMIT_RANGE,
    "Namespace": rows_cluster.NAMESPACE,
    "Node": rows_cluster.NODE,
    "Pod": rows_pod.POD,
    "ResourceQuota": rows_cluster.RESOURCE_QUOTA,
    "Secret": rows_config.SECRET,
    "Service": rows_service.SERVICE,
    "ServiceAccount": rows_config.SERVICE_ACCOUNT,
}


def table(
    kind: str,
    objects: Iterable[Object],
    now: float,
    *,
    metadata: Object | None = None,
    include: str = "",
    headers: bool = True,
) -> dict[str, Any]:
    """The table of objects of one kind at ``now`` (Unix seconds).

    ``metadata`` is that of the list (`pages.Page.metadata`); without it the table is of a single object and
    has its resource version. ``include`` is the query parameter ``includeObject``. ``headers`` is false for
    the second and later events of a watch, which do not repeat the columns. Raises ValueError in the words
    of the API for an ``include`` there is not, and KeyError for a kind that is not served.
    """
    if include not in ("", "None", "Metadata", "Object"):
        raise ValueError(f'unrecognized includeObject value: "{include}"')
    layout = LAYOUTS[kind]
    shown = [*objects]
    if metadata is None:
        metadata = {"resourceVersion": shown[0]["metadata"].get("resourceVersion", "")}
    return {
        "kind": "Table",
        "apiVersion": META,
        "metadata": dict(metadata),
        "columnDefinitions": [column.definition for column in layout.columns] if headers else None,
        "rows": [_row(layout, obj, now, include) for obj in shown],
    }


def _row(layout: Layout, obj: Object, now: float, include: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": layout.cells(obj, now)}
    if conditions := layout.conditions(obj):
        row["conditions"] = conditions
    return row | {"object": None if include == "None" else obj if include == "Object" else partial(obj)}
