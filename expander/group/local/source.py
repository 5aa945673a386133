"""A group of local runs: its Jobs, pods, events and logs, read from the state of `expander run`."""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Final

from expander.group.known.summary import Summary
from expander.group.local.state import GroupFolders, StateReader, open_state
from expander.group.local.watch import (
    MIN_POLL_SECONDS,
    changes_with_started,
    poll_changes,
    with_started,
    without_started,
)
from expander.group.source import WHOLE_LOG, LogOptions
from expander.kube.objects import (
    Change,
    Object,
    Selection,
    container_status,
    namespaced_name,
    owner_of,
    pod_has_ended,
    uid_of,
)
from expander.kube.selectors import parse
from expander.kube.workloads import has_ended
from expander.local.kubelet.pod_files import PodFiles, PodFolders, restart_counts
from expander.local.logs import LogReader
from expander.local.state import lock_holder
from expander.local.store.events import api_event
from expander.run.refused import refused_before

FOLLOW_POLL_SECONDS: Final = 0.1
"""Seconds between two polls of a followed log."""


MAX_JOBS_BY_UID = 200
"""Up to so many Jobs their pods are looked up one by one; beyond, all pods are read."""


def read_log(
    folder: Path,
    pod: Object,
    container: str,
    options: LogOptions,
) -> Iterator[bytes]:
    """See `Reader.log`; ``folder`` is the state folder of the pod."""
    reader = open_state(folder)
    if reader is None:
        return
    with reader as state:
        current: Object = state.by_uid(uid_of(pod)) or pod
        files = PodFolders(folder).of(current)
        follows = options.follow and not options.previous
        while True:
            over = not follows or _has_ended(state, uid_of(pod), container)
            start = _last_start(state, files, current, container) - options.previous
            if over or start >= 0:
                break
            time.sleep(FOLLOW_POLL_SECONDS)
        log = None if start < 0 else _open_log(state, uid_of(pod), files.log(container, start), options)
        if log is None:
            return
        with log:
            while True:
                over = not follows or os.path.exists(files.log(container, start + 1))
                over = over or _has_ended(state, uid_of(pod), container)
                while data := log.read():
                    yield data
                if over:
                    yield log.finish()
                    return
                yield b""  # so that who reads can leave
                time.sleep(FOLLOW_POLL_SECONDS)


def _open_log(state: StateReader, pod: str, path: str, options: LogOptions) -> LogReader | None:
    """The log that belongs to ``path``, from its file or, when that is gone, its row; None without both."""
    since = None if options.since is None else time.time() - options.since
    read = partial(LogReader, path, timestamps=options.timestamps, since=since, tail=options.tail)
    try:
        return read()
    except FileNotFoundError:
        packed = state.packed_log(pod, path)
        return None if packed is None else read(packed=packed)


def _last_start(state: StateReader, files: PodFiles, pod: Object, container: str) -> int:
    """The number of a container's last start that has a log; -1 if there is none.

    The log of a start may exist before the status in the state file counts it.
    """

    def exists(number: int) -> bool:
        path = files.log(container, number)
        return os.path.exists(path) or state.packed_log(uid_of(pod), path) is not None

    number = restart_counts(pod).get(container, 0)
    while number >= 0 and not exists(number):
        number -= 1
    while number >= 0 and exists(number + 1):
        number += 1
    return number


def _has_ended(state: StateReader, uid: str, container: str) -> bool:
    """Whether a container has ended, or no executor is left to run it."""
    pod = state.by_uid(uid)
    if pod is None or pod_has_ended(pod):
        return True
    return (
        "terminated" in (container_status(pod, container).get("state") or {})
        or lock_holder(state.folder) is None
    )


def _job_of(found: Summary | tuple[Object, list[Object]]) -> Object:
    return found.job if isinstance(found, Summary) else found[0]


class LocalSource:
    """The Jobs of ``selection`` in the state of ``folders``, as a `Reader`.

    ``poll_pause`` is how many seconds pass between two polls for changes, at least. Raises ExpanderError for
    state that cannot be read.
    """

    def __init__(self, folders: GroupFolders, selection: Selection) -> None:
        self.poll_pause = MIN_POLL_SECONDS
        self.folders = folders
        self.selection = selection
        self._selector = parse(selection.selector)
        self._homes: dict[str, Path] = {}
        group = None if folders.is_shared else folders.group
        self.where = str(folders.root if group is None else folders.root / group)

    @property
    def is_at_work(self) -> bool:
        """Whether a run, or a server, works in one of the folders."""
        return any(lock_holder(folder) is not None for folder in self.folders.found())

    @property
    def refused(self) -> str:
        """What there is to say of items that the last run of the group refused; empty if it refused none."""
        group = self.folders.group
        return "" if group is None else refused_before(self.folders.root / group)

    def close(self) -> None:
        """Nothing is kept open."""

    def jobs(self) -> Iterator[Object]:
        """See `Reader`."""
        yield from heapq.merge(
            *(self._jobs_in(folder) for folder in self.folders.found()), key=namespaced_name
        )

    def _jobs_in(self, folder: Path) -> Iterator[Object]:
        for state in self._readers([folder]):
            schedules = self._schedules(state)
            for job in state.of_kind("Job", self.selection.namespace):
                if self._takes(job, schedules):
                    self._homes[uid_of(job)] = folder
                    yield job

    def cronjobs(self) -> list[str]:
        """The names of the selection's CronJobs, whose Jobs belong to it."""
        return [str(each["metadata"]["name"]) for each in self.cronjob_objects()]

    def cronjob_objects(self) -> list[Object]:
        """The selection's CronJobs."""
        found = []
        for state in self._readers():
            for each in state.of_kind("CronJob", self.selection.namespace):
                if self._selector.matches(each["metadata"].get("labels")):
                    self._homes[uid_of(each)] = state.folder
                    found.append(each)
        return found

    def pods(self, of: Iterable[Object] | None = None) -> Iterator[Object]:
        """See `Reader`; also pods that were deleted before their Job, whose logs still exist."""
        jobs = dict.fromkeys(uid_of(job) for job in (self.jobs() if of is None else of))
        for state in self._readers():
            here = [uid for uid in jobs if self._homes.get(uid, state.folder) == state.folder]
            if len(here) <= MAX_JOBS_BY_UID:
                found = (each for each in state.owned(here) if each["kind"] == "Pod")
            else:
                pods = state.of_kind("Pod", self.selection.namespace)
                found = (pod for pod in pods if owner_of(pod) in jobs)
            for pod in chain(state.deleted_pods(here), found):
                self._homes[uid_of(pod)] = state.folder
                yield with_started(pod, state.folder)

    def jobs_with_pods(self) -> Iterator[tuple[Object, list[Object]]]:
        """See `Reader`; a page is in memory at a time."""
        pairs = (self._jobs_with_pods_in(folder) for folder in self.folders.found())
        yield from heapq.merge(*pairs, key=lambda pair: namespaced_name(pair[0]))

    def _jobs_with_pods_in(self, folder: Path) -> Iterator[tuple[Object, list[Object]]]:
        for state in self._readers([folder]):
            schedules = self._schedules(state)
            for job, pods in state.jobs_with_pods(self.selection.namespace):
                if self._takes(job, schedules):
                    yield self._pair(job, pods, folder)

    def _pair(self, job: Object, pods: Iterable[Object], folder: Path) -> tuple[Object, list[Object]]:
        """A Job with its pods as they are now; none runs when nobody is at work in their ``folder``."""
        found = [*pods]
        if found and not has_ended(job):
            if lock_holder(folder) is not None:
                found = [with_started(pod, folder) for pod in found]
            else:
                found = [without_started(pod) for pod in found]
                if (status := job.get("status") or {}).get("ready"):
                    job = {**job, "status": {**status, "ready": 0}}
        self._homes.update((uid_of(each), folder) for each in (job, *found))
        return job, found

    def summaries(self) -> Iterator[Summary | tuple[Object, list[Object]]]:
        """See `Reader`; a page is in memory at a time."""
        found = (self._summaries_in(folder) for folder in self.folders.found())
        yield from heapq.merge(*found, key=lambda each: namespaced_name(_job_of(each)))

    def _summaries_in(self, folder: Path) -> Iterator[Summary | tuple[Object, list[Object]]]:
        for state in self._readers([folder]):
            schedules = self._schedules(state)
            for found in state.summaries(self.selection.namespace):
                job = _job_of(found)
                if self._takes(job, schedules):
                    self._homes[uid_of(job)] = folder
                    yield found if isinstance(found, Summary) else self._pair(*found, folder)

    def events(self, *, warnings: bool = False) -> Iterator[Object]:
        """See `Reader`."""
        for state in self._readers():
            for event in state.events(self.selection.namespace):
                if event.kind in ("Job", "Pod") and (event.type == "Warning" or not warnings):
                    yield api_event(event)

    def changes(self, stopped: Callable[[], bool], *, pods: bool = True) -> Iterator[Change | None]:
        """See `Reader`."""
        found = poll_changes(self.folders, self._takes, self._schedules, stopped, pods, self.poll_pause)
        return changes_with_started(found, self.home) if pods else found

    def log(self, pod: Object, container: str, options: LogOptions = WHOLE_LOG) -> Iterator[bytes]:
        """See `Reader`."""
        home = self.home(pod)
        if home is not None:
            yield from read_log(home, pod, container, options)

    def home(self, obj: Object) -> Path | None:
        """The state folder of an object; None if it is in none of them any more."""
        uid = uid_of(obj)
        if uid not in self._homes:
            for state in self._readers():
                if state.by_uid(uid) is not None:
                    self._homes[uid] = state.folder
        return self._homes.get(uid)

    def _readers(self, folders: Iterable[Path] | None = None) -> Iterator[StateReader]:
        """The state of each folder, open while it is used."""
        for folder in self.folders.found() if folders is None else folders:
            state = open_state(folder)
            if state is not None:
                with state:
                    yield state

    def _schedules(self, state: StateReader) -> set[str]:
        """The uids of a folder's selected CronJobs, whose Jobs belong to the selection."""
        if not self.selection.selector:
            return set()
        crons = state.of_kind("CronJob", self.selection.namespace)
        return {uid_of(each) for each in crons if self._selector.matches(each["metadata"].get("labels"))}

    def _takes(self, job: Object, schedules: set[str]) -> bool:
        metadata = job["metadata"]
        if self.selection.namespace not in (None, metadata["namespace"]):
            return False
        return self._selector.matches(metadata.get("labels")) or owner_of(job) in schedules
