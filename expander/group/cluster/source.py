"""A group in a cluster: its Jobs, pods, events and logs, read through the API server.

What belongs to a group but lacks its label is found by ownership: pods whose template has no labels, and Jobs
of a CronJob whose template has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from expander.client.client import ApiClient
from expander.client.retry import Retry
from expander.client.transport import Transport
from expander.group.attempts import pods_by_job
from expander.group.cluster.logs import LogReader
from expander.group.cluster.watch import GroupLister, GroupWatcher
from expander.group.source import WHOLE_LOG, LogOptions
from expander.kube.objects import Change, Object, Selection, uid_of
from expander.kube.scheme import BY_KIND

SILENCE_SECONDS: Final = 12.0
"""Seconds during which a request is repeated when the server neither serves it nor asks to come later."""

EVENT: Final = BY_KIND["Event"]

MAX_RETRY_SECONDS: Final = 2.0
"""Seconds between two attempts at most, so that Ctrl-C is soon noticed."""


class ClusterSource:
    """The Jobs of ``selection`` in the cluster of ``transport``, as a `Reader`.

    Raises ClusterError when the server does not answer or refuses. A busy one is waited for as long as by
    ``submit``.
    """

    def __init__(self, transport: Transport, selection: Selection) -> None:
        self.transport = transport
        self.selection = selection
        self._retry = Retry(cap=MAX_RETRY_SECONDS, silence=SILENCE_SECONDS)
        self.client = ApiClient(transport, self._retry, lambda: False)
        self.lister = GroupLister(self.client, selection)
        self.where = transport.server

    def close(self) -> None:
        """Close the connections."""
        self.transport.close()

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        return self.lister.jobs()

    def cronjobs(self) -> list[str]:
        """The names of the selection's CronJobs, whose Jobs belong to it."""
        return [str(each["metadata"]["name"]) for each in self.lister.cronjobs()]

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """See `Reader`."""
        return self.lister.pods_of(self.jobs() if of is None else of, few=of is not None)

    def summaries(self) -> Iterator[tuple[Object, list[Object]]]:
        """See `Reader`: no summaries are known."""
        return self.jobs_with_pods()

    def jobs_with_pods(self) -> Iterator[tuple[Object, list[Object]]]:
        """See `Reader`."""
        jobs = list(self.jobs())
        pods = pods_by_job(self.pods(jobs)) if jobs else {}
        for job in jobs:
            yield job, pods.pop(uid_of(job), [])

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        """See `Reader`."""
        found: list[Object] = []
        for kind in dict.fromkeys([*(each.row.kind for each in self.lister.workloads), "Pod"]):
            fields = f"involvedObject.kind={kind}" + (",type=Warning" if warnings else "")
            found += self.lister.objects(EVENT, "", fields)
        yield from sorted(found, key=_last_seen)

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """See `Reader`."""
        lister = GroupLister(ApiClient(self.transport, self._retry, stopped), self.selection)
        return GroupWatcher(self.transport, lister, pods).changes(stopped)

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        """See `Reader`."""
        return LogReader(self.transport, self.client, self._retry, pod, container, options).chunks()


def _last_seen(event: Object) -> str:
    """When an event was last seen; times of the API sort as text."""
    series = event.get("series") or {}
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return max((each for each in times if each), default=event["metadata"].get("creationTimestamp") or "")
