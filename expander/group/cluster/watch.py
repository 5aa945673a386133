"""List and watch the Jobs and pods of a group, as client-go's Reflector does.

One thread per list (see `client.watch.list_and_watch`). All threads feed one queue, which
`GroupWatcher.changes` reads. Jobs are those of every kind in `kube.workloads` that the server has; what
belongs to the group by ownership alone is found by the label that the table names.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from functools import cached_property, partial
from itertools import chain
from typing import Any, Final
from urllib.parse import quote

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, StatusError
from expander.base.log import Log
from expander.client.ahead import Ahead, begun
from expander.client.client import ApiClient
from expander.client.transport import Transport
from expander.client.watch import list_and_watch, list_objects
from expander.kube.api_resource import Resource
from expander.kube.objects import Change, Object, Selection, mark_of, namespaced_name, owner_of, uid_of
from expander.kube.scheme import BY_KIND
from expander.kube.selectors import Selector, parse
from expander.kube.workloads import (
    JOB,
    JOBSET,
    JOBSET_PREFIX,
    MAX_VALUES_PER_SELECTOR,
    WORKLOADS,
    Workload,
    is_child,
    pod_selectors,
    workload_of,
    workload_uids,
)

log = Log("group")

POD: Final = BY_KIND["Pod"]

PAGE_SIZE: Final = 1000
"""Objects per page of a list."""

MAX_JOBS_BY_UID: Final = 4 * MAX_VALUES_PER_SELECTOR
"""Up to so many Jobs their pods are listed by uid; beyond, by the selection."""


WATCH_RETRY_SECONDS: Final = 0.3
"""Seconds before a list that was refused is asked for again."""

IDLE_SECONDS: Final = 0.3
"""Seconds of silence after which the caller gets None."""

FATAL_STATUSES: Final = (401, 403, 405)
"""Answers after which asking again is no use."""


class GroupLister:
    """Lists the objects of one selection, ``page`` objects per request."""

    def __init__(self, client: ApiClient, selection: Selection, page: int = PAGE_SIZE) -> None:
        self.client = client
        self._page = page
        self.namespace = selection.namespace
        self.selector = selection.selector
        self._parsed = parse(selection.selector)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The kinds of workloads that the server has and the user may list; Jobs in any case."""
        groups = self.client.groups()
        there = [each for each in WORKLOADS[1:] if each.row.group in groups]
        listed = [Ahead(partial(self._may_list, each)) for each in there]
        return (JOB, *(each for each, may in zip(there, listed, strict=True) if may.result()))

    def _may_list(self, workload: Workload) -> bool:
        try:
            self.client.get_list(f"{self.path(workload.row)}?limit=1&labelSelector={quote(self.selector)}")
        except StatusError as refused:
            log.info("%(kind)s are left out: %(why)s", kind=workload.row.full_name, why=str(refused))
            return False
        return True

    def is_part(self, job: Object) -> bool:
        """Whether a Job is told as a part of its JobSet, and not by itself."""
        return is_child(job) and JOBSET in self.workloads and JOBSET_PREFIX not in self.selector

    def jobs(self) -> Iterator[dict[str, Any]]:
        """The workloads that belong to the selection, by namespace and name."""
        jobs, schedules = begun(self._selected(JOB)), Ahead(self.cronjob_uids)
        others = [*self._other_workloads(), *self.owned_jobs(schedules.result())]
        yield from sorted([*others, *jobs], key=namespaced_name) if others else jobs

    def selected(self) -> Iterator[dict[str, Any]]:
        """The workloads that the selection selects, kind by kind."""
        return chain(begun(self._selected(JOB)), begun(self._other_workloads()))

    def _other_workloads(self) -> Iterator[dict[str, Any]]:
        for each in [begun(self._selected(each)) for each in self.workloads[1:]]:
            yield from each

    def _selected(self, workload: Workload) -> Iterator[dict[str, Any]]:
        return (job for job in self.objects(workload.row, self.selector) if not self.is_part(job))

    def path(self, row: Resource) -> str:
        """The URL path of the list of a kind."""
        within = "" if self.namespace is None else f"/namespaces/{quote(self.namespace, safe='')}"
        return f"{row.path}{within}/{row.plural}"

    def objects(self, row: Resource, selector: str, fields: str = "") -> Iterator[dict[str, Any]]:
        """Each object of a list once."""
        seen: set[str] = set()
        for page in self.client.pages(self.path(row), selector, fields, self._page):
            for each in page["items"]:
                uid = uid_of(each)
                if uid not in seen:
                    seen.add(uid)
                    yield complete(row, each)

    def cronjobs(self) -> list[dict[str, Any]]:
        """The CronJobs of the selection; none for users who may list Jobs only."""
        try:
            return list(self.objects(BY_KIND["CronJob"], self.selector))
        except StatusError:
            return []

    def cronjob_uids(self) -> set[str]:
        """The uids of the selection's CronJobs whose Jobs lack its labels."""
        found = self.cronjobs()
        return {
            uid_of(each) for each in found if not selects_template(self._parsed, each["spec"]["jobTemplate"])
        }

    def owned_jobs(self, schedules: set[str]) -> Iterator[dict[str, Any]]:
        """The Jobs of these CronJobs that lack the selection's labels."""
        if schedules:
            for job in self.objects(JOB.row, ""):
                if owner_of(job) in schedules and not self.selects(job):
                    yield job

    def selects(self, obj: Object) -> bool:
        """Whether the selection selects an object."""
        return self._parsed.matches(obj["metadata"].get("labels"))

    def selects_pods_of(self, job: Object) -> bool:
        """Whether the selection selects the pods of ``job``."""
        return all(selects_template(self._parsed, each) for each in workload_of(job).templates(job))

    def pods_of(self, jobs: Iterable[Object], few: bool) -> Iterator[dict[str, Any]]:
        """The pods of ``jobs``; ``few`` if these are only some Jobs of the selection."""
        owners = {uid_of(job): job for job in jobs}
        apart = list(owners.values())
        if not few or len(owners) > MAX_JOBS_BY_UID:
            if any(self.selects_pods_of(job) for job in apart):
                yield from _owned_pods(self.objects(POD, self.selector), owners)
            apart = [job for job in apart if not self.selects_pods_of(job)]
        for selector in pod_selectors(apart):
            yield from _owned_pods(self.objects(POD, selector), owners)


def complete(row: Resource, listed: Object) -> dict[str, Any]:
    """An object of a list, which says of what kind it is only once for all."""
    return {"apiVersion": row.api_version, "kind": row.kind, **listed}


def _owned_pods(pods: Iterable[dict[str, Any]], owners: dict[str, Object]) -> Iterator[dict[str, Any]]:
    return (pod for pod in pods if any(uid in owners for uid in workload_uids(pod)))


def selects_template(selector: Selector, template: Object) -> bool:
    """Whether objects made from a template are selected."""
    return selector.matches((template.get("metadata") or {}).get("labels"))


@dataclass(slots=True)
class ListPage:
    """A page of a list; ``last`` when no more follow, ``first`` ahead of all of them."""

    objects: list[dict[str, Any]]
    first: bool = False
    last: bool = False


Notification = ListPage | Change | Exception


@dataclass
class WatchStream:
    """One list-and-watch, as a `Handler` whose thread hands on to ``tell``.

    ``known`` maps each uid to the version and mark that was reported last, ``listed`` has the uids of the
    list under way, and ``has_listed`` says that a list came to its end.
    """

    row: Resource
    path: str
    selector: str
    takes: Callable[[Object], bool]
    tell: Callable[[tuple[WatchStream, Notification]], None]
    known: dict[str, tuple[str, Object]] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    has_listed: bool = False
    fields: str = ""

    def begin(self) -> None:
        """See `Handler`."""
        self.tell((self, ListPage([], first=True)))

    def page(self, objects: Sequence[Object]) -> None:
        """See `Handler`."""
        self.tell((self, ListPage([complete(self.row, each) for each in objects])))

    def end(self) -> None:
        """See `Handler`."""
        self.tell((self, ListPage([], last=True)))

    def changed(self, kind: str, found: Object) -> None:
        """See `Handler`."""
        self.tell((self, Change(kind, found)))


class GroupWatcher:
    """Watches one selection; read `changes` once."""

    def __init__(self, transport: Transport, lister: GroupLister, pods: bool) -> None:
        self._transport = transport
        self._lister = lister
        self._pods = pods
        self._queue: queue.SimpleQueue[tuple[WatchStream, Notification]] = queue.SimpleQueue()
        self._over = False
        self._jobs: dict[str, bool] = {}
        """Each Job's uid, and whether the selection selects its pods."""
        self._strangers: dict[str, dict[str, Change]] = {}
        """By owner, pods seen before their Job, which may not belong to the selection."""
        self._narrow: WatchStream | None = None
        self._wide: dict[str, WatchStream] = {}
        """By the label of pods that the selection does not select."""
        self._streams: list[WatchStream] = []
        self._told = False
        """Whether every stream has listed once."""

    def changes(self, stopped: Callable[[], bool]) -> Iterator[Change | None]:
        """See `Reader.changes`."""
        lister = self._lister
        asked = Ahead(lister.cronjob_uids)
        try:
            workloads, schedules = lister.workloads, asked.result()
        except ClusterError:
            if stopped():
                return
            raise

        def takes(job: Object) -> bool:
            return (lister.selects(job) and not lister.is_part(job)) or owner_of(job) in schedules

        for each in workloads:
            self._follow(each.row, "" if schedules and each is JOB else lister.selector, takes)
        try:
            while not stopped():
                try:
                    stream, heard = self._queue.get(timeout=IDLE_SECONDS)
                except queue.Empty:
                    if self._told:  # a list that takes long is not yet one without Jobs
                        yield None
                    continue
                if isinstance(heard, Exception):
                    raise heard
                yield from self._tell(stream, heard)
        finally:
            self._over = True

    def _tell(self, stream: WatchStream, heard: ListPage | Change) -> Iterator[Change | None]:
        if isinstance(heard, Change):
            yield from self._changed(stream, heard)
            return
        if heard.first:
            stream.listed.clear()
        for obj in heard.objects:
            stream.listed.add(uid_of(obj))
            yield from self._changed(stream, Change("ADDED", obj))
        if not heard.last:
            return
        for uid in [uid for uid in stream.known if uid not in stream.listed]:
            yield from self._changed(stream, Change("DELETED", stream.known[uid][1]))
        stream.has_listed = True
        if self._told:
            return
        if self._pods and self._narrow is None:
            self._narrow = self._follow(POD, self._lister.selector, lambda pod: bool(owner_of(pod)))
        if all(each.has_listed for each in self._streams):
            self._told = True
            yield None

    def _changed(self, stream: WatchStream, change: Change) -> Iterator[Change]:
        obj = change.object
        uid, version = uid_of(obj), str(obj["metadata"].get("resourceVersion", ""))
        if change.type != "DELETED" and not stream.takes(obj):
            return
        before = stream.known.get(uid)
        if change.type == "DELETED":
            if before is None:
                return
            del stream.known[uid]
        elif before is not None and before[0] == version:
            return
        else:
            stream.known[uid] = (version, mark_of(obj))
            change = Change("ADDED" if before is None else "MODIFIED", obj)
        if stream.row is not POD:
            yield change
            if change.type == "ADDED":
                yield from self._arrived(obj)
        elif any(each in self._jobs for each in workload_uids(obj)):
            yield change
        else:
            for each in workload_uids(obj):
                self._strangers.setdefault(each, {})[uid] = change

    def _arrived(self, job: Object) -> Iterator[Change]:
        """A new Job: report the pods seen before it, and watch for those to come."""
        uid = uid_of(job)
        self._jobs[uid] = self._lister.selects_pods_of(job)
        yield from self._strangers.pop(uid, {}).values()
        if not self._pods or self._jobs[uid]:
            return
        label = workload_of(job).pod_label
        if label not in self._wide:
            self._wide[label] = self._follow(POD, label, self._is_apart)
        elif self._told:
            for pod in self._lister.pods_of([job], few=True):
                yield from self._changed(self._wide[label], Change("ADDED", pod))

    def _is_apart(self, pod: Object) -> bool:
        """Whether a pod belongs to a Job of the selection without being selected."""
        return any(self._jobs.get(uid) is False for uid in workload_uids(pod))

    def _follow(self, row: Resource, selector: str, takes: Callable[[Object], bool]) -> WatchStream:
        stream = WatchStream(row, self._lister.path(row), selector, takes, self._queue.put)
        self._streams.append(stream)
        threading.Thread(target=self._work, args=(stream,), daemon=True).start()
        return stream

    def _work(self, stream: WatchStream) -> None:
        """List and watch until stopped; runs in a thread of its own. A first list that fails is an error."""
        client = self._lister.client
        try:
            version = list_objects(client, stream)
            while not self._over:
                try:
                    list_and_watch(self._transport, client, stream, lambda: self._over, version)
                except StatusError as error:
                    if error.code in FATAL_STATUSES:
                        raise
                    version = ""
                    time.sleep(WATCH_RETRY_SECONDS)
        except ClusterError as error:
            self._queue.put((stream, error))
