"""List and watch the Jobs and pods of a group, as client-go's Reflector does.

One thread per list: it lists, watches from that resource version, and lists again when the server answers
410 Gone. All threads feed one queue, which `GroupWatcher.changes` reads. Jobs are those of every kind in
`kube.workloads` that the server has; what belongs to the group by ownership alone is found by the label that
the table names.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote

from expander.base.dataclass import dataclass
from expander.base.errors import ClusterError, StatusError
from expander.base.log import Log
from expander.client.client import ApiClient
from expander.client.transport import ConnectionLost, HttpError, Transport
from expander.client.watch import read_event
from expander.kube.api_resource import Resource
from expander.kube.object_check import check_of
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


WATCH_TIMEOUT_SECONDS: Final = 240
"""Seconds after which the server ends a watch (timeoutSeconds)."""

WATCH_RETRY_SECONDS: Final = 0.3
"""Seconds before a lost watch is opened again."""

IDLE_SECONDS: Final = 0.3
"""Seconds of silence after which the caller gets None."""

FATAL_STATUSES: Final = (401, 403)
"""Answers after which client again is no use."""


class GroupLister:
    """Lists the objects of one selection, ``page`` objects per request."""

    def __init__(self, client: ApiClient, selection: Selection, page: int = PAGE_SIZE) -> None:
        self._client = client
        self._page = page
        self.namespace = selection.namespace
        self.selector = selection.selector
        self._parsed = parse(selection.selector)

    @cached_property
    def workloads(self) -> tuple[Workload, ...]:
        """The kinds of workloads that the server has and the user may list; Jobs in any case."""
        groups = self._client.groups()
        return (JOB, *(each for each in WORKLOADS[1:] if each.row.group in groups and self._may_list(each)))

    def _may_list(self, workload: Workload) -> bool:
        try:
            self._client.get_list(f"{self.path(workload.row)}?limit=1&labelSelector={quote(self.selector)}")
        except StatusError as refused:
            log.info("%(kind)s are left out: %(why)s", kind=workload.row.full_name, why=str(refused))
            return False
        return True

    def is_part(self, job: Object) -> bool:
        """Whether a Job is told as a part of its JobSet, and not by itself."""
        return is_child(job) and JOBSET in self.workloads and JOBSET_PREFIX not in self.selector

    def jobs(self) -> Iterator[dict[str, Any]]:
        """The workloads that belong to the selection, by namespace and name."""
        others = [*self.selected(self.workloads[1:]), *self.owned_jobs(self.cronjob_uids())]
        jobs = self.selected([JOB])
        yield from sorted([*others, *jobs], key=namespaced_name) if others else jobs

    def selected(self, workloads: Iterable[Workload]) -> Iterator[dict[str, Any]]:
        """The workloads of these kinds that the selection selects."""
        for each in workloads:
            yield from (job for job in self.objects(each.row, self.selector) if not self.is_part(job))

    def path(self, row: Resource) -> str:
        """The URL path of the list of a kind."""
        within = "" if self.namespace is None else f"/namespaces/{quote(self.namespace, safe='')}"
        return f"{row.path}{within}/{row.plural}"

    def pages(
        self, row: Resource, selector: str, fields: str = ""
    ) -> Iterator[tuple[str, list[dict[str, Any]]]]:
        """The pages of a list, each with the resource version to watch from; an object may come twice."""
        for page in self._client.pages(self.path(row), selector, fields, self._page):
            found = [{"apiVersion": row.api_version, "kind": row.kind, **each} for each in page["items"]]
            yield str(page["metadata"].get("resourceVersion") or ""), found

    def objects(self, row: Resource, selector: str, fields: str = "") -> Iterator[dict[str, Any]]:
        """Each object of a list once."""
        seen: set[str] = set()
        for _, portion in self.pages(row, selector, fields):
            for each in portion:
                uid = uid_of(each)
                if uid not in seen:
                    seen.add(uid)
                    yield each

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


def _owned_pods(pods: Iterable[dict[str, Any]], owners: dict[str, Object]) -> Iterator[dict[str, Any]]:
    return (pod for pod in pods if any(uid in owners for uid in workload_uids(pod)))


def selects_template(selector: Selector, template: Object) -> bool:
    """Whether objects made from a template are selected."""
    return selector.matches((template.get("metadata") or {}).get("labels"))


@dataclass(slots=True)
class ListPage:
    """A page of a list; ``last`` when no more follow."""

    objects: list[dict[str, Any]]
    last: bool


Notification = ListPage | Change | Exception


@dataclass
class WatchStream:
    """One list-and-watch; ``known`` maps each uid to the version and mark that was reported last."""

    row: Resource
    selector: str
    takes: Callable[[Object], bool]
    known: dict[str, tuple[str, Object]] = field(default_factory=dict)
    listed: dict[str, None] = field(default_factory=dict)


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
        self._unlisted = 0
        self._told = False

    def changes(self, stopped: Callable[[], bool]) -> Iterator[Change | None]:
        """See `Reader.changes`."""
        try:
            schedules = self._lister.cronjob_uids()
        except ClusterError:
            if stopped():
                return
            raise
        lister = self._lister

        def takes(job: Object) -> bool:
            return (lister.selects(job) and not lister.is_part(job)) or owner_of(job) in schedules

        for each in lister.workloads:
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
        for obj in heard.objects:
            stream.listed[uid_of(obj)] = None
            yield from self._changed(stream, Change("ADDED", obj))
        if not heard.last:
            return
        for uid in [uid for uid in stream.known if uid not in stream.listed]:
            yield from self._changed(stream, Change("DELETED", stream.known[uid][1]))
        stream.listed = {}
        if self._told:
            return
        if self._pods and self._narrow is None:
            self._narrow = self._follow(POD, self._lister.selector, lambda pod: bool(owner_of(pod)))
        self._unlisted -= 1
        if not self._unlisted:
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
        stream = WatchStream(row, selector, takes)
        self._unlisted += 1
        threading.Thread(target=self._work, args=(stream,), daemon=True).start()
        return stream

    def _work(self, stream: WatchStream) -> None:
        """List and watch until stopped; runs in a thread of its own."""
        version, listed = "", False
        while not self._over:
            try:
                if not version:
                    version = self._list(stream)
                    listed = True
                version = self._watch(stream, version)
            except (StatusError, ClusterError) as error:
                if not listed or (isinstance(error, StatusError) and error.code in FATAL_STATUSES):
                    self._queue.put((stream, error))
                    return
                version = ""
                time.sleep(WATCH_RETRY_SECONDS)
            except HttpError as error:
                if error.status != 429:  # no seat was free, which says nothing of the version
                    version = ""
                time.sleep(WATCH_RETRY_SECONDS)
            except ConnectionLost:
                time.sleep(WATCH_RETRY_SECONDS)
            except ValueError:
                version = ""
                time.sleep(WATCH_RETRY_SECONDS)

    def _list(self, stream: WatchStream) -> str:
        last = ""
        for version, found in self._lister.pages(stream.row, stream.selector):
            self._queue.put((stream, ListPage(found, last=False)))
            last = version
        self._queue.put((stream, ListPage([], last=True)))
        return last

    def _watch(self, stream: WatchStream, version: str) -> str:
        """Watch from ``version``; returns the version to continue from, empty when a new list is needed."""
        query = f"?watch=1&allowWatchBookmarks=true&timeoutSeconds={WATCH_TIMEOUT_SECONDS}"
        query += f"&labelSelector={quote(stream.selector)}&resourceVersion={quote(version)}"
        path, heard = self._lister.path(stream.row), False
        accepts = check_of(path)
        try:
            for line in self._transport.watch(path + query):
                kind, found = read_event(line, accepts)
                heard = True
                version = found["metadata"]["resourceVersion"]
                if kind != "BOOKMARK":
                    self._queue.put((stream, Change(kind, found)))
                if self._over:
                    break
        except HttpError:
            raise
        except ConnectionLost:
            time.sleep(WATCH_RETRY_SECONDS)
        return version if heard else ""
