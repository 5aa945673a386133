"""The changes of the Jobs and pods of groups, found by polling.

A poll costs next to nothing while the file is unchanged. A changed row has a higher version than all rows
before it; a deleted one is missing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from expander.group.attempts import container_names
from expander.group.local.state import STATE_FILE, GroupFolders, StateReader, open_state
from expander.kube.objects import Change, Object, mark_of, owner_of, pod_has_ended, statuses_of, uid_of
from expander.kube.time import precise_time
from expander.local.kubelet.pod_files import PodFiles, PodFolders
from expander.local.store.database import reading
from expander.local.store.encoding import PackedConnection

MIN_POLL_SECONDS: Final = 0.2
"""Seconds between two polls, at least, unless the caller says otherwise."""

POLL_COST_FACTOR: Final = 4.0
"""A poll is followed by a pause of so many times its duration, up to `MAX_POLL_SECONDS`."""

MAX_POLL_SECONDS: Final = 0.5

MAX_TIME_BYTES: Final = 64
"""Of the time that a line of a log begins with, at most."""

Row = tuple[int, int, bytes]

JobPredicate = Callable[[Object, set[str]], bool]
"""Whether a Job is selected, given the uids of the selected CronJobs."""


def poll_changes(
    folders: GroupFolders,
    takes: JobPredicate,
    schedules: Callable[[StateReader], set[str]],
    stopped: Callable[[], bool],
    pods: bool,
    pause: float = MIN_POLL_SECONDS,
) -> Iterator[Change | None]:
    """See `Reader.changes`; ``schedules`` gives the uids of a folder's selected CronJobs.

    ``pause`` is how many seconds pass between two polls, at least.
    """
    pollers: dict[Path, _FolderPoller] = {}
    try:
        while not stopped():
            started = time.monotonic()
            found = folders.found()
            for folder in [*found, *(each for each in pollers if each not in found)]:
                poller = pollers.setdefault(folder, _FolderPoller(folder, takes, schedules, pods))
                yield from poller.changes()
            took = time.monotonic() - started
            yield None
            time.sleep(min(MAX_POLL_SECONDS, max(pause, POLL_COST_FACTOR * took)))
    finally:
        for poller in pollers.values():
            poller.close()


class _FolderPoller:
    """The state of polling one folder."""

    def __init__(
        self, folder: Path, takes: JobPredicate, schedules: Callable[[StateReader], set[str]], pods: bool
    ) -> None:
        self._folder = folder
        self._takes = takes
        self._schedules = schedules
        self._kinds = ("Job", "Pod") if pods else ("Job",)
        self._state: StateReader | None = None
        self._file = (0, 0)
        self._seen: int | None = None
        self._version = -1
        self._known: dict[str, dict[int, Object]] = {kind: {} for kind in self._kinds}
        self._jobs: set[str] = set()
        self._rows: dict[str, set[int]] = {kind: set() for kind in self._kinds}
        """The ids of all rows of a kind, as they were read last."""

    def changes(self) -> Iterator[Change]:
        """What has changed since the last poll."""
        if not self._open():
            return
        if self._state is None:
            for kind in self._kinds:
                yield from (self._gone(kind, row) for row in list(self._known[kind]))
            return
        with reading(self._folder / STATE_FILE):
            yield from self._changes(self._state)

    def _changes(self, state: StateReader) -> Iterator[Change]:
        database = state.database
        (seen,) = database.execute("PRAGMA data_version").fetchone()
        if seen == self._seen:
            return
        self._seen = seen
        database.execute("BEGIN")  # one picture of all kinds
        try:
            schedules = self._schedules(state)
            news = [(kind, *self._news(database, kind)) for kind in self._kinds]
        finally:
            database.execute("COMMIT")
        for kind, rows, there in news:
            yield from self._told(database, kind, rows, there, schedules)
        self._version = max([self._version, *(rows[-1][1] for _, rows, _ in news if rows)])

    def _news(self, database: PackedConnection, kind: str) -> tuple[list[Row], set[int]]:
        """The changed rows, and the ids of all rows."""
        query = "SELECT id, version, data FROM objects WHERE kind=? AND version>? ORDER BY version"
        rows = database.execute(query, (kind, self._version)).fetchall()
        there = self._rows[kind]
        there.update(row for row, _, _ in rows)
        (count,) = database.execute("SELECT count(*) FROM objects WHERE kind=?", (kind,)).fetchone()
        if count != len(there):  # some are gone
            there.clear()
            there.update(row for (row,) in database.execute("SELECT id FROM objects WHERE kind=?", (kind,)))
        return rows, there

    def _told(
        self, database: PackedConnection, kind: str, rows: list[Row], there: set[int], schedules: set[str]
    ) -> Iterator[Change]:
        known = self._known[kind]
        if not known.keys() <= there:
            for row in [row for row in known if row not in there]:
                yield self._gone(kind, row)
        for row, _, data in rows:
            obj: dict[str, Any] = database.unpack(data)
            if row in known and uid_of(known[row]) != uid_of(obj):
                yield self._gone(kind, row)
            if kind == "Pod":
                if owner_of(obj) not in self._jobs:
                    continue
            elif not self._takes(obj, schedules):
                if row in known:
                    yield self._gone(kind, row)
                continue
            else:
                self._jobs.add(uid_of(obj))
            step = "MODIFIED" if row in known else "ADDED"
            known[row] = mark_of(obj)
            yield Change(step, obj)

    def _gone(self, kind: str, row: int) -> Change:
        return Change("DELETED", self._known[kind].pop(row))

    def _open(self) -> bool:
        """Open the file, also after it was replaced; False while nothing can have changed."""
        try:
            found = os.stat(self._folder / STATE_FILE)
        except FileNotFoundError:
            self.close()
            return bool(self._known["Job"])
        if self._state is not None and self._file == (found.st_dev, found.st_ino):
            return True
        if self._state is not None:
            self.close()
            return True
        self._file = (found.st_dev, found.st_ino)
        self._state = open_state(self._folder)
        return self._state is not None or bool(self._known["Job"])

    def close(self) -> None:
        """Close the file."""
        if self._state is not None:
            self._state.close()
        self._state, self._seen, self._version, self._jobs = None, None, -1, set()


def with_started(pod: Object, home: Path) -> Object:
    """``pod`` with its started containers and its phase in its status; ``home`` is its state folder.

    The state file says how a pod begins and ends; whether its containers run their logs tell sooner.
    """
    if pod_has_ended(pod):
        return pod
    status = pod.get("status") or {}
    files, known = PodFolders(home).of(pod), {each["name"]: each for each in statuses_of(pod)}
    main = [each["name"] for each in pod["spec"].get("containers") or ()]
    started = {name: _started(files, name, known.get(name, {})) for name in container_names(pod)}
    if not any(started.values()):
        return pod
    lists = {
        "initContainerStatuses": [each for name, each in started.items() if each and name not in main],
        "containerStatuses": [each for name, each in started.items() if each and name in main],
    }
    phase = {"phase": "Running"} if all(_has_begun(started[name]) for name in main) else {}
    return {**pod, "status": {**status, **lists, **phase}}


def without_started(pod: Object) -> Object:
    """``pod`` as one that waits, unless it has ended: nobody runs it."""
    status = pod.get("status") or {}
    return {**pod, "status": {**status, "phase": "Pending"}} if status.get("phase") == "Running" else pod


def _has_begun(container: Object) -> bool:
    return not {"running", "terminated"}.isdisjoint(container.get("state") or {})


def _started(files: PodFiles, name: str, known: Object) -> Object:
    """The status of a container, as known or as its logs tell; empty for one that has not started."""
    restarts = int(known.get("restartCount") or 0)
    while os.path.exists(files.log(name, restarts + 1)):
        restarts += 1
    is_known = _has_begun(known) and restarts == int(known.get("restartCount") or 0)
    since = None if is_known else _begin_of(files.log(name, restarts))
    if since is None:
        return known
    return {**known, "name": name, "restartCount": restarts, "state": {"running": {"startedAt": since}}}


def _begin_of(log: str) -> str | None:
    """When the first line of a log was written, or its file, while it has none; None without a file."""
    try:
        with open(log, "rb") as file:
            first, space, _ = file.read(MAX_TIME_BYTES).partition(b" ")
            return first.decode() if space else precise_time(os.fstat(file.fileno()).st_mtime)
    except FileNotFoundError:
        return None


def changes_with_started(
    changes: Iterator[Change | None], home: Callable[[Object], Path | None]
) -> Iterator[Change | None]:
    """The same changes, and one more when a container of a pod has started; ``home`` gives state folders."""
    running: dict[str, Object] = {}
    told: dict[str, Object] = {}
    for change in changes:
        if change is None:
            for uid, pod in running.items():
                folder = home(pod)
                now = pod if folder is None else with_started(pod, folder)
                if now["status"] != told.get(uid, pod)["status"]:
                    told[uid] = now
                    yield Change("MODIFIED", now)
        elif change.object.get("kind") == "Pod":
            uid = uid_of(change.object)
            told.pop(uid, None)
            if change.type == "DELETED" or pod_has_ended(change.object):
                running.pop(uid, None)
            else:
                running[uid] = change.object
        yield change
