"""The protocols of a group's source: what a cluster and the state of local runs both offer.

Objects are plain mappings in the API's JSON form.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, Protocol

from expander.base.dataclass import dataclass
from expander.group.known.summary import Summary
from expander.kube.objects import Change, Object, Selection

__all__ = ["WHOLE_LOG", "Change", "LogOptions", "Object", "Reader", "Selection", "Source", "Writer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOptions:
    """Which part of a container's log is read; the names are those of ``kubectl logs``.

    ``previous`` is the start before the last one. ``follow`` goes on until the container has ended. ``tail``
    is how many lines are read, ``since`` of the last how many seconds; None for all. ``timestamps`` puts the
    time in front of each line.
    """

    previous: bool = False
    follow: bool = False
    tail: int | None = None
    since: float | None = None
    timestamps: bool = False


WHOLE_LOG: Final = LogOptions()
"""All that was written since the container's last start."""


class Reader(Protocol):
    """Tells of the Jobs of a selection. Raises ExpanderError when it cannot."""

    where: str
    """The cluster or folder, for messages."""

    def jobs(self) -> Iterator[Object]:
        """The Jobs of the selection, by namespace and name."""

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """The pods of those Jobs, also those whose template lacks the selection's labels.

        ``of`` are Jobs of the selection: only their pods, which costs less.
        """

    def jobs_with_pods(self) -> Iterator[tuple[Object, list[Object]]]:
        """Each Job of the selection with its pods, by namespace and name."""

    def summaries(self) -> Iterator[Summary | tuple[Object, list[Object]]]:
        """The same; a Job of which a summary is known comes as that."""

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        """The events about Jobs and pods in the namespaces of the selection, oldest first.

        ``warnings``: only those of type Warning.
        """

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """Each Job and pod as it is, and then each change, until ``stopped``.

        The first None says that what was there at the start has been told; from then on there is one at least
        twice a second when there is nothing to tell. After a lost connection what is there may be told again,
        and what is gone is told as DELETED, with its metadata only. ``pods`` False: only Jobs.
        """

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        """What a container of ``pod`` wrote, in pieces of any size, empty ones too while it is followed.

        Nothing when the container has not started yet, or the pod is gone.
        """


class Writer(Protocol):
    """Changes what a selection has. Raises ExpanderError when it cannot."""

    def delete(self, object: Object, *, propagation: str = "Background") -> bool:
        """Delete the object, if it still is the one of this uid; False when it is not there any more."""

    def delete_each(self, objects: Iterable[Object]) -> Iterator[Object]:
        """Delete each of the objects as `delete` does; gives those that are gone now, in any order.

        What cannot be deleted is left out, and an ExpanderError that says why is raised at the end.
        """

    def delete_all(self, kind: str, selection: Selection, *, propagation: str = "Background") -> int:
        """Delete every object of ``kind`` that ``selection`` means; how many there were.

        ``Job`` stands for workloads of every kind, here and in `labelled`.
        """

    def labelled(self, kind: str) -> Iterator[Object]:
        """The objects of a kind that bear the labels of the selection themselves."""

    def others(self) -> Iterator[Object]:
        """What else belongs to the selection: its CronJobs, ConfigMaps, Secrets and Services."""

    def drop_empty(self) -> list[Path]:
        """Remove the folders in which no Job, CronJob or pod of any group is left; says which."""


class Source(Reader, Writer, Protocol):
    """Both."""
