"""What `status` and `results` show of a Job that has ended, kept beside it in the state of a local run.

The executor makes it when the Job ends and keeps it in the same transaction; whatever changes the Job or a
pod of it takes it away, and then the objects are read. So it never says anything else than they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final, Self

from expander.base.named_tuple import NamedTuple
from expander.group.names import ItemNames
from expander.items.keys import item_columns
from expander.kube.time import elapsed
from expander.local.store.encoding import decode
from expander.manifests.rerun import submitted

KEPT_METADATA: Final = ("creationTimestamp", "labels", "ownerReferences")
"""The fields of a Job's metadata in its summary, beside those it has anyway and when the item began."""


class Summary(NamedTuple):
    """A Job that has ended, is one item and has had pods.

    ``metadata`` is what lists need of the Job's beside the rest, which is as in `ItemRecord`, and behind
    ``pod_names`` as in `JobStatus`.
    """

    namespace: str
    job_name: str
    uid: str
    metadata: dict[str, Any]
    item: str
    key: str
    state: str
    reason: str
    message: str
    cause: str
    created: float | None
    started: float | None
    finished: float | None
    exit_code: int | None
    termination: str
    attempt_count: int
    node: str | None
    pod_names: list[str]
    succeeded: int
    failed: int
    detail: str
    retries: int
    completions: int | None
    failed_indexes: str
    nodes: list[str]

    @classmethod
    def read(cls, data: bytes) -> Self | None:
        """What was kept; None for what is damaged, or was kept by a version that told other things."""
        with suppress(ValueError, TypeError):
            values = decode(data)
            if isinstance(values, list) and [*map(type, values[:4])] == [str, str, str, dict]:
                return cls(*values)
        return None

    @property
    def job(self) -> dict[str, Any]:
        """So much of the Job as lists need."""
        metadata = {"namespace": self.namespace, "name": self.job_name, "uid": self.uid, **self.metadata}
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}

    @property
    def submitted(self) -> str | None:
        """When its item was read to be submitted (MicroTime), if it was."""
        return submitted({"metadata": self.metadata})

    @property
    def seconds(self) -> float | None:
        """Seconds from start to end."""
        return elapsed(self.started, self.finished)

    @property
    def place(self) -> None:
        """The number of an item that shares its Job with others."""

    @property
    def label(self) -> str:
        """Its name for people: the item's key, else the Job's name."""
        return self.key or self.job_name

    @property
    def names(self) -> ItemNames:
        """All that its item can be called by."""
        return ItemNames.of(self.key, self.item, self.job_name)

    @property
    def columns(self) -> Mapping[str, Any]:
        """The item's columns, if its annotation holds them as a JSON object."""
        return item_columns(self.item)
