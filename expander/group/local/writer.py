"""Delete what local runs left in a state folder: objects and the files of their pods.

The folder is locked meanwhile, so nothing changes while an executor uses it.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from functools import cached_property, partial
from pathlib import Path
from types import TracebackType
from typing import Self

from expander.base.state_dir import remove_tree
from expander.group.local.state import STATE_FILE
from expander.kube import selectors
from expander.kube.objects import Object, Selection, uid_of
from expander.kube.scheme import COMPANION_KINDS
from expander.local.kubelet.pod_files import LOGS, PodFolders, pod_of_file
from expander.local.state import LOCK_FILE, StateFolder, remove_state
from expander.local.store.database import reading
from expander.local.store.objects import ObjectStore


class LocalWriter:
    """Deletes from the state in ``folders``; use it as a context manager, or `close` it.

    ``retries`` has a folder for each group beside them, with the logs of earlier attempts. Raises
    ExpanderError when one of them is in use.
    """

    def __init__(self, folders: Iterable[Path], selection: Selection, retries: Path) -> None:
        self._selection = selection
        self._retries = retries
        self._homes: list[_StateFolder] = []
        try:
            for folder in folders:
                self._homes.append(_StateFolder(folder))
        except BaseException:
            self.close()
            raise

    def delete(self, object: Object, *, propagation: str = "Background") -> bool:
        """Delete the object with its dependents; False when it no longer exists."""
        return bool([*self.delete_each([object])])

    def delete_each(self, objects: Iterable[Object]) -> Iterator[Object]:
        """Delete each of the objects; yields those that are gone now."""
        for obj in objects:
            for home in self._homes:
                with home.reading():
                    home.remove(obj["metadata"]["uid"])
            yield obj
        for home in self._homes:
            with home.reading():
                home.store.commit()

    def delete_all(self, kind: str, selection: Selection, *, propagation: str = "Background") -> int:
        """Delete every selected object of ``kind``; returns how many there were."""
        if not selection.selector and selection.namespace is None:  # a group's own folders: all of it goes
            return sum(home.remove_all(kind) for home in self._homes)
        return sum(1 for _ in self.delete_each([*self._found(kind, selection)]))

    def labelled(self, kind: str) -> Iterator[Object]:
        """The objects of a kind that carry the selection's labels themselves."""
        return self._found(kind, self._selection)

    def others(self) -> Iterator[Object]:
        """The selection's other objects: CronJobs, ConfigMaps, Secrets and Services."""
        for kind in COMPANION_KINDS:
            yield from self._found(kind, self._selection)

    def of_custom_kinds(self) -> Iterator[tuple[str, int]]:
        """Nothing: objects of custom kinds do not run here."""
        return iter(())

    def drop_empty(self) -> list[Path]:
        """Remove the folders without a Job, CronJob or pod with what retries kept; returns them."""
        empty = [home for home in self._homes if home.is_empty]
        for home in empty:
            self._homes.remove(home)
            with closing(home):
                if home.folder.parent == self._retries.parent:
                    remove_tree(str(self._retries / home.folder.name))
                home.remove_files()
        return [home.folder for home in empty]

    def close(self) -> None:
        """Unlock the folders."""
        for home in self._homes:
            home.close()

    def _found(self, kind: str, selection: Selection) -> Iterator[Object]:
        wanted = selectors.parse(selection.selector)
        for home in self._homes:
            if kind in home.gone:
                continue
            with home.reading():
                for obj in home.store.of_kind(kind, selection.namespace):
                    if wanted.matches(obj["metadata"].get("labels")):
                        yield obj

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def remove_unreadable(folder: Path, retries: Path) -> None:
    """Remove the folder of a group whose state cannot be read, with what ``retries`` have of the group.

    Raises ExpanderError while another process uses it, OSError when it cannot be removed.
    """
    remove_state(folder)
    remove_tree(str(retries / folder.name))


class _StateFolder:
    """One state folder, locked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._state = StateFolder(folder)
        self.reading = partial(reading, folder / STATE_FILE)
        """Meanwhile the state is read; see `store.database.reading`."""
        with self._state.opening():
            self.store = ObjectStore(self._state.database)
        self._folders = PodFolders(folder)
        self.gone: set[str] = set()
        """Kinds of which nothing is left."""

    @cached_property
    def _logs(self) -> dict[str, list[str]]:
        """The files of each pod, by its uid."""
        found: dict[str, list[str]] = defaultdict(list)
        if (logs := self.folder / LOGS).is_dir():
            for name in os.listdir(logs):
                found[pod_of_file(name)].append(name)
        return found

    @property
    def is_empty(self) -> bool:
        with self.reading():
            kinds = {"Job", "CronJob", "Pod"} - self.gone
            return not any(next(self.store.states(kind), None) for kind in kinds)

    def remove_all(self, kind: str) -> int:
        """Remove every object of a kind in one statement; returns how many there were.

        Logs stay until the folder goes, which `drop_empty` sees to. A full disk has no room to note what is
        gone: it goes with the folder.
        """
        database = self._state.database
        with self.reading():
            if kind == "Pod":
                self._folders.sweep(())
            (count,) = database.execute("SELECT count(*) FROM objects WHERE kind=?", (kind,)).fetchone()
            try:
                database.execute("DELETE FROM objects WHERE kind=?", (kind,))
                self.store.commit()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
            self.gone.add(kind)
        return int(count)

    def remove(self, uid: str) -> None:
        """Remove an object with its dependents, and the files of pods."""
        obj = self.store.by_uid(uid)
        if obj is None:
            return
        for dependent in self.store.owned(uid):
            self.remove(dependent["metadata"]["uid"])
        if obj["kind"] in ("Job", "Pod"):
            for pod in (uid, *(uid_of(each) for each in self.store.deleted_pods(uid))):
                for name in self._logs.pop(pod, ()):
                    os.unlink(self.folder / LOGS / name)
        if obj["kind"] == "Pod":
            self._folders.of(obj).remove_volumes()
        self.store.remove(obj)

    def remove_files(self) -> None:
        """Remove the folder, the state last: as long as there is some, it is found and removed again.

        Only the lock outlives it, so that nobody else takes the folder up meanwhile.
        """
        import shutil  # which loads compressors

        with suppress(sqlite3.OperationalError):  # on a full disk; without it less is known of what goes now
            self._state.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for entry in [*os.scandir(self.folder)]:
            if entry.is_dir(follow_symlinks=False):
                remove_tree(entry.path)
            elif entry.name not in (STATE_FILE, LOCK_FILE):
                os.unlink(entry.path)
        os.unlink(self.folder / STATE_FILE)
        remove_tree(str(self.folder))
        if self.folder.exists():
            shutil.rmtree(self.folder)  # says why it cannot

    def close(self) -> None:
        self._state.close()
