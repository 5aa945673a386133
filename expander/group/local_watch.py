"""The state folders of groups, and the changes of their Jobs and pods, found by polling.

A poll costs next to nothing while the file is unchanged. A changed row has a higher version than all rows
before it; a deleted one is missing.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from expander.base.errors import ItemError, StateNotFound, StateUnreadable
from expander.group.attempts import container_names
from expander.group.known.summary import Summary
from expander.kube.objects import Change, Object, mark_of, owner_of, pod_has_ended, statuses_of, uid_of
from expander.kube.time import precise_time
from expander.local.kubelet.pod_files import PodFiles, PodFolders
from expander.local.store import deleted_pods, object_rows
from expander.local.store.database import (
    BUSY_TIMEOUT_MS,
    LOGS_SINCE,
    READABLE_LAYOUTS,
    RIVALS_SINCE,
    SUMMARIES_SINCE,
    other_layout,
    reading,
)
from expander.local.store.encoding import PackedConnection
from expander.local.store.events import EventRecord, EventStore
from expander.local.store.packed_logs import LogRow, log_row

if TYPE_CHECKING:
    from expander.manifests.manifest import Manifest
    from expander.manifests.rerun_choice import Rerun
    from expander.run.dry_run import PlannedObject

STATE_FILE: Final = "state.db"


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


class GroupFolders:
    """The state folders below ``root``: that of ``group``, or those of all groups if it is None.

    If ``root`` is itself a state folder, as that of a server, it is the only one.
    """

    def __init__(self, root: Path, group: str | None) -> None:
        self.root = root
        self.group = group

    @property
    def is_shared(self) -> bool:
        """Whether the root is itself a state folder, so that only labels tell its groups apart."""
        return (self.root / STATE_FILE).exists()

    def found(self) -> list[Path]:
        """The folders that exist now, by name."""
        if self.is_shared:
            return [self.root]
        names = self.known() if self.group is None else [self.group]
        return [self.root / name for name in names if (self.root / name / STATE_FILE).exists()]

    def check(self) -> None:
        """Raise StateUnreadable when the folder of the group has lost its state file."""
        folder = self.root / (self.group or "")
        left = (folder / "runs").is_dir() and (folder / "lock").exists()
        if self.group is not None and left and not self.is_shared and not (folder / STATE_FILE).exists():
            words = "`expander cleanup` deletes what is left"
            raise StateUnreadable(f"{folder / STATE_FILE} is missing", folder, words)

    def known(self) -> list[str]:
        """The groups that have a folder, by name. Names with a leading ``_`` are not groups."""
        if not self.root.is_dir():
            return []
        entries = (entry for entry in self.root.iterdir() if not entry.name.startswith("_"))
        return sorted(entry.name for entry in entries if (entry / STATE_FILE).exists())


class StateReader:
    """Reads a state folder, also while an executor uses it.

    Use it as a context manager, or `close` it. Raises StateUnreadable when the file is damaged or of another
    version, another ExpanderError when it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = path = folder / STATE_FILE
        self.folder = folder
        with reading(path):
            try:
                self.database, self._layout = _connect(path)
                self._rival = object_rows.RIVAL if self._layout >= RIVALS_SINCE else object_rows.NO_RIVAL
            except sqlite3.OperationalError:
                if not path.exists():
                    raise StateNotFound(f"no state in {folder}") from None
                raise
        if (layout := self._layout) not in READABLE_LAYOUTS:
            self.database.close()
            if layout == 0:
                raise StateNotFound(f"no state in {folder} yet")
            raise other_layout(path, layout)

    def of_kind(self, kind: str, namespace: str | None = None) -> Iterator[Object]:
        """The objects of a kind by namespace and name."""
        with reading(self._path):
            for _, data, *_ in object_rows.listed(self.database, kind, namespace, rival=self._rival):
                yield self.database.unpack(data)

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        with reading(self._path):
            return object_rows.identified(self.database, uid)

    def owned(self, uids: Iterable[str]) -> Iterator[Object]:
        """The objects whose first owner is one of these, oldest first for each."""
        with reading(self._path):
            for uid in uids:
                for _, data in object_rows.owned(self.database, uid):
                    yield self.database.unpack(data)

    def deleted_pods(self, uids: Iterable[str]) -> Iterator[Object]:
        """The pods of these Jobs that were deleted before their Job."""
        with reading(self._path):
            traced = deleted_pods.deleted_pod_owners(self.database)
            for uid in uids:
                if uid in traced:
                    yield from deleted_pods.deleted_pods(self.database, uid)

    def jobs_with_pods(self, namespace: str | None) -> Iterator[tuple[Object, list[Object]]]:
        """Each Job with its pods, those that were deleted before it first."""
        with reading(self._path):
            traced = deleted_pods.deleted_pod_owners(self.database)
            rows = object_rows.listed_with_pods(self.database, namespace, rival=self._rival)
            for uid, same in groupby(rows, itemgetter(0)):
                yield self._with_pods(uid, same, traced)

    def summaries(self, namespace: str | None) -> Iterator[Summary | tuple[Object, list[Object]]]:
        """The same; a Job that has a summary comes as that."""
        with reading(self._path):
            traced = deleted_pods.deleted_pod_owners(self.database)
            known = self._layout >= SUMMARIES_SINCE
            rows = object_rows.listed_with_pods(self.database, namespace, summaries=known, rival=self._rival)
            for (uid, kept), same in groupby(rows, itemgetter(0, 1)):
                summary = None if kept is None else Summary.read(kept)
                if kept is not None and summary is None:
                    ((_, _, job, _),) = same
                    same = ((uid, None, job, pod) for pod in object_rows.pods_of(self.database, uid))
                yield summary or self._with_pods(uid, same, traced)

    def _with_pods(
        self, uid: str, rows: Iterable[tuple[str, bytes | None, bytes, bytes | None]], traced: set[str]
    ) -> tuple[Object, list[Object]]:
        """A Job and its pods, of the rows about it."""
        unpack = self.database.unpack
        gone = deleted_pods.deleted_pods(self.database, uid) if uid in traced else ()
        pods: list[Object] = list(gone)
        job = b""
        for _, _, job, pod in rows:  # noqa: B007
            if pod is not None:
                pods.append(unpack(pod))
        return unpack(job), pods

    def events(self, namespace: str | None) -> Iterator[EventRecord]:
        """The recorded events, oldest first."""
        with reading(self._path):
            yield from EventStore(self.database).of(namespace)

    def packed_log(self, pod: str, path: str) -> LogRow | None:
        """The log that the pod with that uid had at ``path``, if it is a row now."""
        if self._layout < LOGS_SINCE:
            return None
        with reading(self._path):
            return log_row(self.database, pod, os.path.basename(path))

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def __enter__(self) -> StateReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_state(folder: Path) -> StateReader | None:
    """The reader of a folder; None while its state is being created, or when it is gone."""
    try:
        return StateReader(folder)
    except StateNotFound:
        return None


def _connect(path: Path) -> tuple[PackedConnection, int]:
    """A read-only connection, and the file's layout.

    Where not even a reader's lock is possible, as on a read-only medium, the file is opened as immutable; a
    copy is, where a killed run has left something beside it.
    """
    try:
        return _connected(path, "mode=ro")
    except sqlite3.OperationalError:
        log = path.with_name(f"{path.name}-wal")
        if not path.exists():
            raise
        if not log.exists():
            return _connected(path, "mode=ro&immutable=1")
        import shutil
        from tempfile import TemporaryDirectory

        with TemporaryDirectory() as folder:  # a file that is open outlives its name
            for each in (path, log):
                shutil.copyfile(each, Path(folder, each.name))
            return _connected(Path(folder, path.name), "mode=rw")


def _connected(path: Path, mode: str) -> tuple[PackedConnection, int]:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_MS / 1000,
        check_same_thread=False,
        factory=PackedConnection,
    )
    try:
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection, layout


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
    phase = {"phase": "Running"} if all(started[name] for name in main) else {}
    return {**pod, "status": {**status, **lists, **phase}}


def without_started(pod: Object) -> Object:
    """``pod`` as one that waits, unless it has ended: nobody runs it."""
    status = pod.get("status") or {}
    return {**pod, "status": {**status, "phase": "Pending"}} if status.get("phase") == "Running" else pod


def _started(files: PodFiles, name: str, known: Object) -> Object:
    """The status of a container, as known or as its logs tell; empty for one that has not started."""
    restarts = int(known.get("restartCount") or 0)
    while os.path.exists(files.log(name, restarts + 1)):
        restarts += 1
    state = known.get("state") or {}
    is_told = "running" in state or "terminated" in state
    is_known = is_told and restarts == int(known.get("restartCount") or 0)
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


def planned_after(
    folder: Path | None,
    manifests: Iterable[Manifest],
    rerun: Rerun | None,
    on_error: Callable[[ItemError], None],
    on_note: Callable[[str], None],
) -> Iterator[PlannedObject]:
    """What a run with the state in ``folder`` (None: with none) would do with ``manifests``.

    ``on_error`` gets those that it would refuse, ``on_note`` what it would do beside.
    """
    from expander.local.controllers.job.conditions import has_expired
    from expander.local.store.job_states import UNFINISHED, lets_expired_go
    from expander.local.store.object_rows import named, states
    from expander.run.dry_run import planned
    from expander.run.rerun import expired_note
    from expander.run.rerun_pass import RerunPass

    state = None if folder is None else open_state(folder)
    with nullcontext() if state is None else state:
        expired: set[str] = set()
        if state is not None and lets_expired_go(states(state.database, "Job", UNFINISHED)):
            now = time.time()
            expired = {uid_of(job) for job in state.of_kind("Job") if has_expired(job, now)}
            if expired:
                on_note(expired_note(len(expired), "to delete"))

        def find(kind: str, namespace: str, name: str) -> dict[str, Any] | None:
            found = None if state is None else named(state.database, kind, namespace, name)
            return None if found is None or uid_of(found) in expired else found

        yield from planned(manifests, find, RerunPass(rerun, folder), on_error)
