"""The request that creates an object."""

from __future__ import annotations

from collections.abc import Callable
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

    ``collection`` and ``path`` are URL paths without a query; ``source`` is the object as JSON or what makes
    that, as most of what is there already is never sent; ``size`` are its bytes, about; ``digest`` covers
    everything but itself; ``title`` is ``job.batch``, as kubectl writes it; ``item`` is the raw value the
    object was made for, None without. ``replaces`` is the uid of the object of that name that is deleted
    first, with its dependents; ``group`` is the value of the label ``group_label``, empty without;
    ``may_be_several`` says that it may stand for more than one item. ``mark`` is that of `key`.
    """

    kind: str
    title: str
    name: str
    namespace: str
    group: str
    item: Any
    collection: str
    path: str
    source: bytes | Callable[[], bytes]
    size: int
    digest: str
    replaces: str = ""
    group_label: str = GROUP_LABEL
    may_be_several: bool = True
    mark: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.mark = mark(self.key)

    @property
    def body(self) -> bytes:
        """The object as JSON, made when it is first asked for."""
        source = self.source
        if not isinstance(source, bytes):
            source = self.source = source()
        return source

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
