"""A group in a cluster: its Jobs, pods, events and logs, read through the API server.

What belongs to a group but lacks its label is found by ownership: pods whose template has no labels, and Jobs
of a CronJob whose template has none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from expander.client.client import ApiClient, StatusError
from expander.client.retry import TRANSIENT, Retry, status_of
from expander.client.transport import ConnectionLost, HttpError, Transport
from expander.group.cluster_watch import GroupLister, GroupWatcher
from expander.group.source import WHOLE_LOG, LogOptions
from expander.kube.objects import Change, Object, Selection, container_status, uid_of

FOLLOW_TIMEOUT_SECONDS: Final = 600.0
"""Seconds without output after which a log that is followed is asked for again."""

LOG_RETRY_SECONDS: Final = 1.0
"""Seconds before a log is asked for again."""

MAX_LOG_ATTEMPTS: Final = 5
"""So often a log is asked for again when it does not come."""


RETRY_BUDGET_SECONDS: Final = 12.0
"""Seconds for which a question is asked again when the server does not answer."""

MAX_RETRY_SECONDS: Final = 2.0
"""Seconds between two attempts at most, so that whoever waits is soon heard."""


def read_log(
    transport: Transport,
    asking: ApiClient,
    pod: Object,
    container: str,
    options: LogOptions,
) -> Iterator[bytes]:
    """What `Reader.log` says.

    A connection that is lost is made again: a whole log goes on where it was, of another one the lines of
    the last second may come twice. A container that was started anew meanwhile is told apart: as a restart,
    which has a log of its own, or in its place, when its log is given from the first byte.
    Raises Refused when the server says no.
    """
    metadata = pod["metadata"]
    path = (
        f"/api/v1/namespaces/{quote(metadata['namespace'], safe='')}/pods/{quote(metadata['name'], safe='')}"
    )
    whole = options.tail is None and options.since is None
    seen, heard, failures = 0, time.monotonic(), 0
    begun = _container_start(pod, container)
    while True:
        switches = [name for name in ("previous", "follow", "timestamps") if getattr(options, name)]
        query = {"container": container} | dict.fromkeys(switches, "true")
        if seen and not whole:
            query["sinceSeconds"] = str(int(time.monotonic() - heard) + 1)
        else:
            query.update({} if options.tail is None else {"tailLines": str(options.tail)})
            query.update({} if options.since is None else {"sinceSeconds": str(max(1, round(options.since)))})
        skip = seen if whole else 0
        try:
            for piece in transport.stream(
                f"{path}/log?{urlencode(query)}", FOLLOW_TIMEOUT_SECONDS if options.follow else 60.0
            ):
                failures = 0
                heard = time.monotonic()
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                seen += len(piece) - skip
                skip = 0
            return
        except HttpError as answer:
            words = _message(answer)
            if answer.status in (400, 404):
                return
            if answer.status == 401 and not failures:
                transport.refresh()
            elif answer.status not in TRANSIENT or failures >= MAX_LOG_ATTEMPTS:
                raise StatusError(answer.status, f"{transport.server}: {words}") from None
        except ConnectionLost as lost:
            if failures >= MAX_LOG_ATTEMPTS and not options.follow:
                raise StatusError(0, f"{transport.server} does not answer: {lost}") from None
        failures += 1
        time.sleep(LOG_RETRY_SECONDS)
        if options.previous:
            continue
        now = _current_start(asking, path, pod, container)
        while options.follow and now and not now.since:
            time.sleep(LOG_RETRY_SECONDS)
            now = _current_start(asking, path, pod, container)
        if not now or not now.since:
            return
        if now.restarts == begun.restarts:
            if now != begun:
                begun, whole, seen, options = now, True, 0, replace(options, tail=None, since=None)
        elif now.restarts == begun.restarts + 1:
            options = replace(options, previous=True, follow=False)
        else:
            return


def _message(answer: HttpError) -> str:
    return str(status_of(answer.body).get("message") or f"HTTP {answer.status}")


class _ContainerStart(NamedTuple):
    """A start of a container, as its pod tells it; one in its place has another ``id`` or ``since``."""

    restarts: int
    id: str
    since: str
    """Empty while nothing of it has begun."""


def _current_start(asking: ApiClient, path: str, pod: Object, container: str) -> _ContainerStart | None:
    """The last start of a container, None when its pod is gone."""
    try:
        now = asking.get(path)
    except StatusError as answer:
        if answer.code == 404:
            return None
        raise
    return _container_start(now, container) if uid_of(now) == uid_of(pod) else None


def _container_start(pod: Object, container: str) -> _ContainerStart:
    """The start whose log the API server gives: while a container waits to be started again, the last one."""
    status = container_status(pod, container)
    state, last = status.get("state") or {}, status.get("lastState") or {}
    of = state.get("running") or state.get("terminated") or last.get("terminated") or {}
    id_ = of.get("containerID") or status.get("containerID")
    return _ContainerStart(int(status.get("restartCount") or 0), id_ or "", of.get("startedAt") or "")


class ClusterSource:
    """The Jobs of ``selection`` in the cluster of ``transport``: a `pipeline.group.source.Source`.

    Raises ClusterError when the server does not answer or says no. ``patience`` is in seconds.
    """

    def __init__(
        self, transport: Transport, selection: Selection, patience: float = RETRY_BUDGET_SECONDS
    ) -> None:
        self.transport = transport
        self.selection = selection
        self._retry = Retry(cap=MAX_RETRY_SECONDS, budget=patience)
        self.asking = ApiClient(transport, self._retry, lambda: False)
        self.lister = GroupLister(self.asking, selection)
        self.where = transport.server

    def close(self) -> None:
        """Let go of the connections."""
        self.transport.close()

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        own = self.lister.owned_jobs(self.lister.cronjob_uids())
        selected = self.lister.objects("Job", self.lister.selector)
        first = next(own, None)
        if first is None:
            yield from selected
        else:
            yield from sorted(chain([first], own, selected), key=_namespaced_name)

    def cronjobs(self) -> list[str]:
        """The names of the selection's CronJobs, whose Jobs belong to it."""
        return [str(each["metadata"]["name"]) for each in self.lister.cronjobs()]

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """See `Reader`."""
        return self.lister.pods_of(self.jobs() if of is None else of, few=of is not None)

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        """See `Reader`."""
        found: list[Object] = []
        for kind in ("Job", "Pod"):
            fields = f"involvedObject.kind={kind}" + (",type=Warning" if warnings else "")
            found += self.lister.objects("Event", "", fields)
        yield from sorted(found, key=_last_seen)

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """See `Reader`."""
        lister = GroupLister(ApiClient(self.transport, self._retry, stopped), self.selection)
        return GroupWatcher(self.transport, lister, pods).changes(stopped)

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        """See `Reader`."""
        return read_log(self.transport, self.asking, pod, container, options)


def _namespaced_name(job: Object) -> tuple[str, str]:
    return job["metadata"]["namespace"], job["metadata"]["name"]


def _last_seen(event: Object) -> str:
    """When an event was last seen; times of the API sort as text."""
    series = event.get("series") or {}
    times = (event.get("lastTimestamp"), series.get("lastObservedTime"), event.get("eventTime"))
    return max((each for each in times if each), default=event["metadata"].get("creationTimestamp") or "")
