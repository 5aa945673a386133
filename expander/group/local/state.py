"""The state folders of groups, and what is in them, also while an executor uses them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final

from expander.base.errors import StateNotFound, StateUnreadable
from expander.group.known.summary import Summary
from expander.kube.objects import Object
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

STATE_FILE: Final = "state.db"


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
