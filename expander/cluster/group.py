"""A group on a cluster: its Jobs, pods, events and logs, read over HTTP.

What belongs to a group but lacks its label is found by ownership: pods whose template has no labels, Jobs
of a CronJob whose template has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Final

from expander.client.client import Asking
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.cluster.group_lists import Lists
from expander.cluster.group_logs import log
from expander.cluster.group_watch import Watching
from expander.kube.objects import Change, Object, Selection

PATIENCE: Final = 12.0
"""Seconds for which a question is asked again when the server does not answer."""

LONGEST_PAUSE: Final = 2.0
"""Seconds between two attempts at most, so that whoever waits is soon heard."""


class ClusterSource:
    """The Jobs of ``selection`` in the cluster of ``transport``: a `pipeline.group.source.Source`.

    Raises ClusterError when the server does not answer or says no. ``patience`` is in seconds.
    """

    def __init__(self, transport: Transport, selection: Selection, patience: float = PATIENCE) -> None:
        self.transport = transport
        self.selection = selection
        self._retry = Retry(cap=LONGEST_PAUSE, budget=patience)
        self.asking = Asking(transport, self._retry, lambda: False)
        self.lists = Lists(self.asking, selection)
        self.where = transport.server

    def close(self) -> None:
        """Let go of the connections."""
        self.transport.close()

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        own = self.lists.owned_jobs(self.lists.schedules())
        selected = self.lists.all("Job", self.lists.selector)
        first = next(own, None)
        if first is None:
            yield from selected
        else:
            yield from sorted(chain([first], own, selected), key=_place)

    def cronjobs(self) -> list[str]:
        """The names of the selection's CronJobs, whose Jobs belong to it."""
        return [str(each["metadata"]["name"]) for each in self.lists.cronjobs()]

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """See `Reader`."""
        return self.lists.pods_of(self.jobs() if of is None else of, few=of is not None)

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        """See `Reader`."""
        found: list[Object] = []
        for kind in ("Job", "Pod"):
            fields = f"involvedObject.kind={kind}" + (",type=Warning" if warnings else "")
            found += self.lists.all("Event", "", fields)
        yield from sorted(found, key=_when)

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """See `Reader`."""
        lists = Lists(Asking(self.transport, self._retry, stopped), self.selection)
        return Watching(self.transport, lists, pods).changes(stopped)

    def log(
        self,
        pod: Object,
        container: str,
        *,
        previous: bool = False,
        follow: bool = False,
        tail: int | None = None,
        since: float | None = None,
        timestamps: bool = False,
    ) -> Iterator[bytes]:
        """See `Reader`."""
        return log(
            self.transport,
            self.asking,
            pod,
            container,
            previous=previous,
            follow=follow,
            tail=tail,
            since=since,
            timestamps=timestamps,
        )


def _place(job: Object) -> tuple[str, str]:
    return job["metadata"]["namespace"], job["metadata"]["name"]


def _when(event: Object) -> str:
    """When an event was last seen; times of the API sort as text."""
    series = event.get("series") or {}
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return max((each for each in times if each), default=event["metadata"].get("creationTimestamp") or "")
