"""The request that creates an object."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube.workloads import BY_TITLE, JOB
from expander.manifests.edits import GROUP_LABEL
from expander.submit.journal import mark

_JOB: Final = JOB.title


@dataclass(slots=True)
class PreparedRequest:
    """The request that creates one object.

    ``collection`` and ``path`` are URL paths without a query; ``body`` is JSON; ``digest`` covers everything
    but itself; ``title`` is ``job.batch``, as kubectl writes it; ``item`` is the raw value the object was
    made for, None without. ``replaces`` is the uid of the object of that name that is deleted first, with its
    dependents; ``group`` is the value of the label ``group_label``, empty without. ``mark`` is that of `key`.
    """

    kind: str
    title: str
    name: str
    namespace: str
    group: str
    item: Any
    collection: str
    path: str
    body: bytes
    digest: str
    replaces: str = ""
    group_label: str = GROUP_LABEL
    mark: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.mark = mark(self.key)

    @property
    def is_job(self) -> bool:
        """Whether it is a batch/v1 Job; a Job of Volcano is not."""
        return self.title == _JOB

    @property
    def is_workload(self) -> bool:
        """Whether it is a Job, a Volcano Job or a JobSet, which ends."""
        return self.title in BY_TITLE

    @property
    def key(self) -> str:
        """Equal for the same object of a cluster with the same content."""
        return f"{self.collection}/{self.name} {self.digest}"
