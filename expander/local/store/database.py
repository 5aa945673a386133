"""The SQLite file of a state folder: its tables, its settings, and how it is opened.

Write-ahead logging with ``synchronous=NORMAL``: a commit survives the end of the process, however it
ends; a power cut may take the last ones but never leaves a broken file.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from expander.base.errors import ExpanderError, StateUnreadable
from expander.kube.scheme import rival_group, rival_groups
from expander.local.store.encoding import DICTIONARY_TABLE, PackedConnection
from expander.local.store.packed_logs import LOG_TABLE

Object = dict[str, Any]


LAYOUT: Final = 9
"""The number of the tables' layout, kept as SQLite's ``user_version``."""

_SUMMARY_TRIGGERS: Final = "".join(
    f"CREATE TRIGGER {name} AFTER {change} BEGIN "
    f"UPDATE objects SET summary = NULL WHERE uid IN ({jobs}) AND summary IS NOT NULL; END;\n"
    for name, change, jobs in (
        (
            "outdated_by_loss",
            "UPDATE OF owner ON objects WHEN old.owner IS NOT new.owner AND old.kind = 'Pod'",
            "old.owner",
        ),
        ("outdated_by_gone", "DELETE ON objects WHEN old.kind = 'Pod'", "old.owner"),
        ("outdated_by_trace", "INSERT ON traces", "new.owner"),
    )
)
"""A pod that a Job loses takes its summary away, as each change of its own pods does (`object_rows.save`)."""

_OBJECT_TABLE: Final = """
CREATE TABLE objects (
    id INTEGER PRIMARY KEY,
    uid TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    owner TEXT,
    state TEXT,
    version INTEGER NOT NULL,
    data BLOB NOT NULL,
    given BLOB,
    summary BLOB,
    rival TEXT NOT NULL DEFAULT '',
    UNIQUE (kind, namespace, name, rival)
);
"""
"""``rival`` is the `rival_group` of the kind."""

_OBJECT_TRIGGERS: Final = f"""
CREATE INDEX owners ON objects (owner) WHERE owner IS NOT NULL;
CREATE TRIGGER untraced AFTER DELETE ON objects WHEN old.kind = 'Job'
BEGIN DELETE FROM traces WHERE owner = old.uid; END;
CREATE TRIGGER unlogged AFTER DELETE ON objects WHEN old.kind = 'Pod'
BEGIN DELETE FROM logs WHERE pod = old.uid; END;
{_SUMMARY_TRIGGERS}
"""
"""A Job's row takes the traces of its pods along, a pod's its logs."""

_ADDED_SINCE: Final = {
    2: DICTIONARY_TABLE,
    3: LOG_TABLE,
    4: "ALTER TABLE objects ADD COLUMN given BLOB;",
    5: "ALTER TABLE objects ADD COLUMN summary BLOB;",
    6: f"""
DROP TRIGGER IF EXISTS outdated_by_trace;
ALTER TABLE objects RENAME TO earlier;
{_OBJECT_TABLE}
INSERT INTO objects SELECT id, uid, kind, namespace, name, owner, state, version, data, given, summary, ''
FROM earlier;
DROP TABLE earlier;
{_OBJECT_TRIGGERS}
""",
    7: "DROP INDEX IF EXISTS abouts;",
    8: f"""
DROP INDEX IF EXISTS event_names;
DROP TRIGGER IF EXISTS outdated_by_new;
DROP TRIGGER IF EXISTS outdated;
DROP TRIGGER IF EXISTS outdated_by_loss;
DROP TRIGGER IF EXISTS outdated_by_gone;
DROP TRIGGER IF EXISTS outdated_by_trace;
{_SUMMARY_TRIGGERS}
""",
}
"""What was added to earlier layouts; who opens one to write makes it `LAYOUT`."""

READABLE_LAYOUTS: Final = (*_ADDED_SINCE, LAYOUT)
LOGS_SINCE: Final = 4
SUMMARIES_SINCE: Final = 6
RIVALS_SINCE: Final = 7
"""The first layouts with the table ``logs``, with summaries, and with the column ``rival``."""

BUSY_TIMEOUT_MS: Final = 5000
"""Milliseconds to wait for another program that reads the file."""

_TABLES: Final = f"""
CREATE TABLE notes (uid TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    first REAL NOT NULL,
    last REAL NOT NULL,
    count INTEGER NOT NULL
);
CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE traces (uid TEXT PRIMARY KEY, owner TEXT NOT NULL, data BLOB NOT NULL);
CREATE INDEX traced ON traces (owner);
{_OBJECT_TABLE}{DICTIONARY_TABLE}{LOG_TABLE}{_OBJECT_TRIGGERS}
"""


def other_layout(path: Path, layout: int) -> StateUnreadable:
    """The error for a state file that another version of this program wrote."""
    return StateUnreadable(
        f"{path} was written by another version of expander (layout {layout})",
        path.parent,
        f"use that version, or {_start_over(path.parent)}",
    )


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Meanwhile the state file at ``path`` is read; raises StateUnreadable when it is damaged.

    ExpanderError when it cannot be read for now: it is locked, or the disk is full.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ExpanderError(f"{path} cannot be read: {error}") from error
    except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
        words = _start_over(path.parent)
        raise StateUnreadable(f"{path} cannot be read: {error}", path.parent, words) from error


def _start_over(folder: Path) -> str:
    lost = "logs of failed Jobs in it are plain files"
    return f"start over without {folder} (`expander cleanup` deletes it): {lost}"


def open_database(path: Path) -> PackedConnection:
    """The database at ``path``, made when it is not there; transactions are begun by the caller.

    Raises StateUnreadable when the file is of another layout or is no database.
    """
    connection = sqlite3.connect(
        path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000, factory=PackedConnection
    )
    try:
        with reading(path):
            _prepare(connection, path)
    except ExpanderError:
        connection.close()
        raise
    return connection


def _prepare(connection: PackedConnection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA cache_size=-8000")
    connection.execute("PRAGMA temp_store=MEMORY")
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    if layout == 0:
        _change(connection, _TABLES)
    elif layout in _ADDED_SINCE:
        added = "".join(_ADDED_SINCE[each] for each in range(layout, LAYOUT))
        _change(connection, added, rivals=layout < RIVALS_SINCE)
    elif layout != LAYOUT:
        raise other_layout(path, layout)


def _change(connection: PackedConnection, statements: str, *, rivals: bool = False) -> None:
    """Make the file one of `LAYOUT`; ``rivals``: objects do not have theirs yet."""
    connection.executescript(f"BEGIN;{statements}")
    if rivals:
        _tell_rivals(connection)
    connection.execute(f"PRAGMA user_version={LAYOUT}")
    connection.execute("COMMIT")


def _tell_rivals(connection: PackedConnection) -> None:
    """Give the objects of kinds that share a name (a Volcano Job) their `rival_group`."""
    for (kind,) in connection.execute("SELECT DISTINCT kind FROM objects").fetchall():
        if len(rival_groups(kind)) == 1:
            continue
        rows = connection.execute("SELECT id, data FROM objects WHERE kind=?", (kind,))
        versions = ((number, connection.unpack(data).get("apiVersion") or "") for number, data in rows)
        found = [(group, number) for number, each in versions if (group := rival_group(each, kind))]
        connection.executemany("UPDATE objects SET rival=? WHERE id=?", found)
