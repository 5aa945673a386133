"""The printer of PodDisruptionBudgets (that of kube-apiserver)."""

from __future__ import annotations

from typing import Final

from expander.kube.time import age
from expander.local.apiserver.printers.columns import (
    AGE,
    NAME,
    Cells,
    Column,
    Layout,
    Object,
    created,
    name_of,
)


def _budget(obj: Object, now: float) -> Cells:
    spec = obj["spec"]
    return [
        name_of(obj),
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        (obj.get("status") or {}).get("disruptionsAllowed") or 0,
        age(created(obj), now),
    ]


BUDGET: Final = Layout(
    (
        NAME,
        Column("Min Available", description="How many pods must stay."),
        Column("Max Unavailable", description="How many pods may be away."),
        Column("Allowed disruptions", "integer", description="How many pods may be evicted now."),
        AGE,
    ),
    _budget,
)
