"""Where the state of groups is: a folder for each below one root, or one folder that several share."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from expander.base.errors import ExpanderError
from expander.local.store import database, objects
from expander.local.store.database import BUSY, LAYOUT, Object, decode, other_layout
from expander.local.store.events import Events, Recorded

DATABASE: Final = "state.db"


class NotThere(ExpanderError):
    """There is no state in a folder: not yet, or not any more."""


class GroupFolders:
    """The state folders below ``root``: that of ``group``, or all that are groups' when it is None.

    A ``root`` that is itself a state folder, as a server has it, is the only one.
    """

    def __init__(self, root: Path, group: str | None) -> None:
        self.root = root
        self.group = group

    @property
    def is_shared(self) -> bool:
        """Whether the root is itself a state folder, so that only labels tell its groups apart."""
        return (self.root / DATABASE).exists()

    def found(self) -> list[Path]:
        """The folders that there are now, by name."""
        if self.is_shared:
            return [self.root]
        names = self.known() if self.group is None else [self.group]
        return [self.root / name for name in names if (self.root / name / DATABASE).exists()]

    def known(self) -> list[str]:
        """The groups that have a folder, by name. What begins with ``_`` is no group's."""
        if not self.root.is_dir():
            return []
        entries = (entry for entry in self.root.iterdir() if not entry.name.startswith("_"))
        return sorted(entry.name for entry in entries if (entry / DATABASE).exists())


class StateReader:
    """What is in a state folder, read beside the run that may be at work in it.

    Use it as a context manager, or `close` it. Raises ExpanderError when the file cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / DATABASE
        self.folder = folder
        try:
            self.database, layout = _connect(path)
        except sqlite3.Error as error:
            if not path.exists():
                raise NotThere(f"there is no state in {folder}") from None
            raise ExpanderError(f"{path} cannot be read: {error}") from error
        if layout != LAYOUT:
            self.database.close()
            if layout == 0:
                raise NotThere(f"there is no state in {folder} yet")
            raise other_layout(path, layout)

    def of_kind(self, kind: str, namespace: str | None = None) -> Iterator[Object]:
        """The objects of a kind by namespace and name."""
        for _, data in objects.listed(self.database, kind, namespace):
            yield decode(data)

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        return objects.identified(self.database, uid)

    def owned(self, uids: Iterable[str]) -> Iterator[Object]:
        """The objects that have one of these as their first owner, oldest first for each."""
        for uid in uids:
            for _, data in objects.owned(self.database, uid):
                yield decode(data)

    def traces(self, uids: Iterable[str]) -> Iterator[Object]:
        """The pods of these Jobs that were deleted before them."""
        traced = database.owners(self.database)
        for uid in uids:
            if uid in traced:
                yield from database.of_job(self.database, uid)

    def events(self, namespace: str | None) -> Iterator[Recorded]:
        """What was recorded, oldest first."""
        return Events(self.database).of(namespace)

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def __enter__(self) -> StateReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def opened(folder: Path) -> StateReader | None:
    """The reader of a folder; None when its state is being made, or has just gone."""
    try:
        return StateReader(folder)
    except NotThere:
        return None


def _connect(path: Path) -> tuple[sqlite3.Connection, int]:
    """A connection that changes nothing, and the file's layout.

    Where not even a reader's lock can be made, as on a medium that is read-only, the file is taken as it is.
    """
    modes = ["mode=ro", "mode=ro&immutable=1"]
    while True:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?{modes.pop(0)}",
            uri=True,
            isolation_level=None,
            timeout=BUSY / 1000,
            check_same_thread=False,
        )
        try:
            (layout,) = connection.execute("PRAGMA user_version").fetchone()
            return connection, layout
        except sqlite3.Error as error:
            connection.close()
            unlockable = isinstance(error, sqlite3.OperationalError)
            if not modes or not unlockable or path.with_name(f"{path.name}-wal").exists():
                raise
