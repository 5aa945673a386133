"""Objects as rows of the file: the statements, and nothing of what is in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Final

from expander.local.store.encoding import Object, decode, encode
from expander.local.store.states import state_of

PAGE: Final = 500
"""Rows read at a time, so that a long list never lies in memory as a whole."""

_SAVE: Final = (
    "INSERT INTO objects (uid, kind, namespace, name, owner, state, version, data) VALUES (?,?,?,?,?,?,?,?) "
    "ON CONFLICT (uid) DO UPDATE SET owner=excluded.owner, state=excluded.state, version=excluded.version, "
    "data=excluded.data"
)
_NOTE: Final = "INSERT INTO notes VALUES (?,?) ON CONFLICT (uid) DO UPDATE SET data=excluded.data"
_LAST: Final = "\U0010ffff"
"""Past every name."""
_MARK: Final = "INSERT INTO marks VALUES ('version',?) ON CONFLICT (name) DO UPDATE SET value=excluded.value"


def save(database: sqlite3.Connection, objects: Iterable[Object]) -> None:
    """Write each object over what was there under its uid."""
    database.executemany(_SAVE, map(_row, objects))


def delete(database: sqlite3.Connection, uids: Iterable[str]) -> None:
    """Delete the objects with these uids and what was noted of them."""
    gone = [(uid,) for uid in uids]
    database.executemany("DELETE FROM objects WHERE uid=?", gone)
    database.executemany("DELETE FROM notes WHERE uid=?", gone)


def save_notes(database: sqlite3.Connection, notes: dict[str, bytes | None]) -> None:
    """Write the notes; None deletes one."""
    database.executemany(_NOTE, [(uid, data) for uid, data in notes.items() if data is not None])
    database.executemany("DELETE FROM notes WHERE uid=?", [(uid,) for uid in notes if notes[uid] is None])


def note(database: sqlite3.Connection, uid: str) -> bytes | None:
    """The note of that uid, or None."""
    row = database.execute("SELECT data FROM notes WHERE uid=?", (uid,)).fetchone()
    return None if row is None else bytes(row[0])


def noted(database: sqlite3.Connection) -> Iterator[str]:
    """The uids that have notes."""
    return (uid for (uid,) in database.execute("SELECT uid FROM notes"))


def notes(database: sqlite3.Connection) -> list[tuple[str, bytes]]:
    """All notes and whose they are."""
    return database.execute("SELECT uid, data FROM notes").fetchall()


def mark(database: sqlite3.Connection, version: int) -> None:
    """Write down the last resource version given out."""
    database.execute(_MARK, (version,))


def marked(database: sqlite3.Connection) -> int:
    """The last resource version given out in an earlier life, or 0."""
    (found,) = database.execute("SELECT max(value) FROM marks WHERE name='version'").fetchone()
    return found or 0


def named(database: sqlite3.Connection, kind: str, namespace: str, name: str) -> Object | None:
    """The object of that name, or None."""
    query = "SELECT data FROM objects WHERE kind=? AND namespace=? AND name=?"
    return _one(database.execute(query, (kind, namespace, name)))


def identified(database: sqlite3.Connection, uid: str) -> Object | None:
    """The object with that uid, or None."""
    return _one(database.execute("SELECT data FROM objects WHERE uid=?", (uid,)))


def listed(
    database: sqlite3.Connection, kind: str, namespace: str | None, after: tuple[str, str] = ("", "")
) -> Iterator[tuple[str, bytes]]:
    """Uid and bytes of every object of a kind by namespace and name, a page at a time.

    ``after`` is the namespace and name they are past.
    """
    last, name = _place(namespace, after)
    query = f"SELECT uid, data, namespace, name FROM objects WHERE kind=? AND {_within(namespace)} "
    query += f"ORDER BY namespace, name LIMIT {PAGE}"
    while page := database.execute(query, (kind, last, name)).fetchall():
        yield from ((uid, data) for uid, data, _, _ in page)
        _, _, last, name = page[-1]


def counted(database: sqlite3.Connection, kind: str, namespace: str | None, after: tuple[str, str]) -> int:
    """How many `listed` would give."""
    query = f"SELECT count(*) FROM objects WHERE kind=? AND {_within(namespace)}"
    (found,) = database.execute(query, (kind, *_place(namespace, after))).fetchone()
    count: int = found
    return count


def owned(database: sqlite3.Connection, uid: str) -> list[tuple[str, bytes]]:
    """Uid and bytes of the objects that have this one as their first owner, oldest first."""
    return database.execute("SELECT uid, data FROM objects WHERE owner=? ORDER BY id", (uid,)).fetchall()


def states(database: sqlite3.Connection, kind: str) -> Iterator[tuple[str, str]]:
    """Uid and state of every object of a kind, oldest first."""
    last = 0
    query = f"SELECT id, uid, state FROM objects WHERE kind=? AND id>? ORDER BY id LIMIT {PAGE}"
    while page := database.execute(query, (kind, last)).fetchall():
        yield from ((uid, state) for _, uid, state in page)
        last = page[-1][0]


def _within(namespace: str | None) -> str:
    return "namespace=? AND name>?" if namespace is not None else "(namespace, name)>(?,?)"


def _place(namespace: str | None, after: tuple[str, str]) -> tuple[str, str]:
    """Where to begin: what is ``after`` the end of another namespace is all of this one, or nothing."""
    if namespace is None or after[0] == namespace:
        return after
    return namespace, "" if after[0] < namespace else _LAST


def _one(found: sqlite3.Cursor) -> Object | None:
    row = found.fetchone()
    obj: Object | None = None if row is None else decode(row[0])
    return obj


def _row(obj: Object) -> tuple[str, str, str, str, str | None, str | None, int, bytes]:
    metadata = obj["metadata"]
    owner = next(iter(metadata.get("ownerReferences") or ()), None)
    return (
        metadata["uid"],
        obj["kind"],
        metadata.get("namespace", ""),
        metadata["name"],
        owner and owner["uid"],
        state_of(obj),
        int(metadata["resourceVersion"]),
        encode(obj),
    )
