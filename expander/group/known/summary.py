"""What `status` and `results` show of a Job that has ended, kept beside it in the state of a local run.

The executor makes it when the Job ends and keeps it in the same transaction; whatever changes the Job or a
pod of it takes it away, and then the objects are read. So it never says anything else than they do.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from expander.group.names import ItemNames
from expander.items.keys import item_columns

ROW_KEYS: Final = (
    "namespace",
    "name",
    "index",
    "item",
    "state",
    "reason",
    "message",
    "cause",
    "exitCode",
    "started",
    "finished",
    "seconds",
    "attempts",
    "node",
    "key",
    "created",
    "pods",
    "uid",
)
"""The keys of a row of results that is not more than an item, in their order."""


class Summary(NamedTuple):
    """A Job that has ended, is one item and has had pods.

    ``cells`` are those of its row of results; ``metadata`` what lists need beside them. ``key`` is that of
    its item, empty without one; ``started`` and ``finished`` are Unix seconds. The rest is as in `JobStatus`
    and `ItemRecord`.
    """

    cells: list[Any]
    metadata: dict[str, Any]
    key: str
    started: float | None
    finished: float | None
    succeeded: int
    failed: int
    detail: str
    retries: int
    completions: int | None
    failed_indexes: str
    nodes: list[str]
    termination: str

    @property
    def job(self) -> dict[str, Any]:
        """So much of the Job as lists need."""
        cells = self.cells
        metadata = {"namespace": cells[0], "name": cells[1], "uid": cells[-1], **self.metadata}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}

    @property
    def row(self) -> dict[str, Any]:
        """Its row of results."""
        row = dict(zip(ROW_KEYS, self.cells, strict=True))
        if columns := item_columns(row["item"]):
            row["columns"] = dict(columns)
        return row

    @property
    def state(self) -> str:
        """Complete or Failed."""
        return str(self.cells[4])

    @property
    def names(self) -> ItemNames:
        """All that its item can be called by."""
        return ItemNames.of(self.key, self.cells[3], self.cells[1])


KEPT_METADATA: Final = ("creationTimestamp", "labels", "ownerReferences")
"""The fields of a Job's metadata in its summary, beside those in its cells and when the item began."""
