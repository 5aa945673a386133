"""Objects, and what is noted of them, as rows of the state file: written, found and listed."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from sqlite3 import DatabaseError
from typing import Final

from expander.kube.scheme import rival_group
from expander.local.store.database import Object
from expander.local.store.encoding import PackedConnection
from expander.local.store.job_states import state_of

PAGE_ROWS: Final = 512
"""Rows read at a time, so that a long list never lies in memory as a whole; enough for a page of 500, which
is the usual one of clients, and the object that shows whether there is another.
"""

_SAVE: Final = (
    "INSERT INTO objects (uid, kind, namespace, name, rival, owner, state, version, data, given, summary) "
    "VALUES (?,?,?,?,?,nullif(?,''),?,?,?,nullif(?,''),nullif(?,'')) "
    "ON CONFLICT (uid) DO UPDATE SET owner=excluded.owner, state=excluded.state, version=excluded.version, "
    "data=excluded.data, given=coalesce(excluded.given, objects.given), summary=excluded.summary"
)
"""What is not there is empty text, and bytes come as a bytearray: for None and for bytes `sqlite3` looks in
vain for an adapter, which takes longer than to bind them.
"""
_AS_GIVEN: Final = (
    "SELECT uid, given, state, summary IS NOT NULL, data FROM objects "
    "WHERE kind='Job' AND namespace=? AND name=? AND rival=?"
)
_GIVEN: Final = "UPDATE objects SET given=? WHERE uid=?"
_SUMMARY: Final = "UPDATE objects SET summary=? WHERE uid=?"
_OUTDATE: Final = "UPDATE objects SET summary=NULL WHERE uid=? AND summary IS NOT NULL"
_NOTE: Final = "INSERT INTO notes VALUES (?,?) ON CONFLICT (uid) DO UPDATE SET data=excluded.data"
_LAST: Final = "\U0010ffff"
"""Past every name."""
RIVAL: Final = "rival"
NO_RIVAL: Final = "''"
"""The column that tells kinds of one name apart, and what stands for it in layouts before `RIVALS_SINCE`."""
_MARK: Final = "INSERT INTO marks VALUES ('version',?) ON CONFLICT (name) DO UPDATE SET value=excluded.value"


def save(
    database: PackedConnection,
    objects: Mapping[str, Object],
    given: Mapping[str, bytes | None],
    summaries: Mapping[str, bytes],
    unfinished: Container[str],
) -> None:
    """Write each object over what was there under its uid.

    ``given`` are digests of the manifests that objects were made of, None for one that is to be forgotten;
    ``summaries`` those of Jobs, which the next change of one, or of a pod of it, takes away. Jobs that are
    ``unfinished`` have none.
    """
    rows = [
        (*_row(database, obj), _blob(given.get(uid)), _blob(summaries.get(uid)))
        for uid, obj in objects.items()
    ]
    owners = {row[5] for row in rows if row[1] == "Pod" and row[5]}
    if changed := [(uid,) for uid in owners if uid not in objects and uid not in unfinished]:
        database.executemany(_OUTDATE, changed)
    database.executemany(_SAVE, rows)
    if left := [(digest, uid) for uid, digest in given.items() if digest is None or uid not in objects]:
        database.executemany(_GIVEN, left)
    if late := [(summary, uid) for uid, summary in summaries.items() if uid not in objects]:
        database.executemany(_SUMMARY, late)


def delete(database: PackedConnection, uids: Iterable[str]) -> None:
    """Delete the objects with these uids and what was noted of them."""
    gone = [(uid,) for uid in uids]
    database.executemany("DELETE FROM objects WHERE uid=?", gone)
    database.executemany("DELETE FROM notes WHERE uid=?", gone)


def save_notes(database: PackedConnection, notes: dict[str, bytes | None]) -> None:
    """Write the notes; None deletes one."""
    database.executemany(_NOTE, [(uid, data) for uid, data in notes.items() if data is not None])
    database.executemany("DELETE FROM notes WHERE uid=?", [(uid,) for uid in notes if notes[uid] is None])


def given(database: PackedConnection, uid: str) -> bytes | None:
    """The digest of the manifest that an object was made of, or None."""
    row = database.execute("SELECT given FROM objects WHERE uid=?", (uid,)).fetchone()
    return None if row is None else row[0]


def as_given(
    database: PackedConnection, namespace: str, name: str, rival: str
) -> tuple[str, bytes | None, str, bool, bytes] | None:
    """Uid, digest of the manifest, state, whether there is a summary, and bytes of a Job, or None.

    ``rival`` is the `rival_group` of its kind.
    """
    found: tuple[str, bytes | None, str, bool, bytes] | None
    found = database.execute(_AS_GIVEN, (namespace, name, rival)).fetchone()
    return found


def note(database: PackedConnection, uid: str) -> bytes | None:
    """The note of that uid, or None."""
    row = database.execute("SELECT data FROM notes WHERE uid=?", (uid,)).fetchone()
    return None if row is None else bytes(row[0])


def noted(database: PackedConnection) -> Iterator[str]:
    """The uids that have notes."""
    return (uid for (uid,) in database.execute("SELECT uid FROM notes"))


def notes(database: PackedConnection) -> list[tuple[str, bytes]]:
    """All notes and whose they are."""
    return database.execute("SELECT uid, data FROM notes").fetchall()


def mark(database: PackedConnection, version: int) -> None:
    """Write down the last resource version given out."""
    database.execute(_MARK, (version,))


def marked(database: PackedConnection) -> int:
    """The last resource version given out in an earlier life, or 0."""
    (found,) = database.execute("SELECT max(value) FROM marks WHERE name='version'").fetchone()
    if not isinstance(found, int | None):
        raise DatabaseError("the mark of the last version is damaged")
    return found or 0


def named(
    database: PackedConnection, kind: str, namespace: str, name: str, rival: str | None = None
) -> Object | None:
    """The object of that name, or None; ``rival`` is the `rival_group` of its kind, or any if it is None."""
    query = "SELECT data FROM objects WHERE kind=? AND namespace=? AND name=?"
    if rival is None:
        return _one(database, query, kind, namespace, name)
    return _one(database, f"{query} AND rival=?", kind, namespace, name, rival)


def identified(database: PackedConnection, uid: str) -> Object | None:
    """The object with that uid, or None."""
    return _one(database, "SELECT data FROM objects WHERE uid=?", uid)


def in_states(
    database: PackedConnection, uids: Sequence[str], states: Sequence[str]
) -> list[tuple[str, bytes]]:
    """Uid and bytes of those of these objects that are in one of the states, in any order."""
    query = f"SELECT uid, data FROM objects WHERE uid IN ({_places(uids)}) AND state IN ({_places(states)})"
    return database.execute(query, (*uids, *states)).fetchall()


def listed(
    database: PackedConnection,
    kind: str,
    namespace: str | None,
    after: tuple[str, str] = ("", ""),
    *,
    rival: str = RIVAL,
) -> Iterator[tuple[str, bytes, str, str]]:
    """Uid, bytes, namespace and name of every object of a kind by the last two, a page at a time.

    ``after`` is the namespace and name they are past. ``rival`` is `NO_RIVAL` for files without that column.
    """
    place: tuple[str, str, str] = (*_place(namespace, after), _LAST)
    query = f"SELECT uid, data, namespace, name, {rival} FROM objects WHERE kind=? AND "
    query += f"{_within(namespace, rival)} ORDER BY namespace, name, {rival} LIMIT {PAGE_ROWS}"
    while page := database.execute(query, (kind, *place)).fetchall():
        yield from ((uid, data, namespace, name) for uid, data, namespace, name, _ in page)
        _, _, *last = page[-1]
        place = last[0], last[1], last[2]


def counted(
    database: PackedConnection, kind: str, namespace: str | None, after: tuple[str, str], rival: str | None
) -> int:
    """How many `listed` would give; only those of this `rival_group`, unless it is None."""
    query = f"SELECT count(*) FROM objects WHERE kind=? AND {_within(namespace, RIVAL)}"
    place: tuple[str, ...] = (kind, *_place(namespace, after), _LAST)
    if rival is not None:
        query, place = f"{query} AND rival=?", (*place, rival)
    (found,) = database.execute(query, place).fetchone()
    count: int = found
    return count


def owned(database: PackedConnection, uid: str) -> list[tuple[str, bytes]]:
    """Uid and bytes of the objects that have this one as their first owner, oldest first."""
    return database.execute("SELECT uid, data FROM objects WHERE owner=? ORDER BY id", (uid,)).fetchall()


def owned_part(
    database: PackedConnection, uid: str, after: int, count: int | None
) -> list[tuple[int, str, bytes]]:
    """The same with their rows, past the row ``after``, at most ``count`` of them."""
    query = "SELECT id, uid, data FROM objects WHERE owner=? AND id>? ORDER BY id LIMIT ?"
    return database.execute(query, (uid, after, -1 if count is None else count)).fetchall()


def pods_of(database: PackedConnection, uid: str) -> list[bytes | None]:
    """The bytes of the pods of a Job, oldest first; None for one if it has none."""
    query = "SELECT data FROM objects WHERE owner=? AND kind='Pod' ORDER BY id"
    return [data for (data,) in database.execute(query, (uid,))] or [None]


def listed_with_pods(
    database: PackedConnection, namespace: str | None, *, summaries: bool = False, rival: str = RIVAL
) -> Iterator[tuple[str, bytes | None, bytes, bytes | None]]:
    """Uid, summary and bytes of every Job by namespace and name, with the bytes of a pod: once for each,
    oldest first.

    A Job without pods comes with None for one, and so does, with ``summaries``, one that has a summary; the
    summary is None otherwise. A page of Jobs is read at a time.
    """
    column = "summary" if summaries else "NULL AS summary"
    jobs = f"SELECT uid, {column}, data, namespace, name, {rival} AS rival FROM objects WHERE kind='Job' AND "
    query = (
        "SELECT job.uid, job.summary, job.data, job.namespace, job.name, job.rival, pod.data "
        f"FROM ({jobs}{_within(namespace, rival)} "
        f"ORDER BY namespace, name, {rival} LIMIT {PAGE_ROWS}) AS job "
        "LEFT JOIN objects AS pod ON job.summary IS NULL AND pod.owner=job.uid AND pod.kind='Pod' "
        "ORDER BY job.namespace, job.name, job.rival, pod.id"
    )
    place, after = None, (*_place(namespace, ("", "")), _LAST)
    while place != after:
        place = after
        for uid, summary, job, *last, pod in database.execute(query, place):
            yield uid, summary, job, pod
            after = last[0], last[1], last[2]


def states(database: PackedConnection, kind: str, among: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
    """Uid and state of every object of a kind, oldest first; only those in the states ``among``, if any."""
    last, wanted = 0, f"AND state IN ({_places(among)})" if among else ""
    query = (
        "SELECT id, uid, state FROM objects "  # in the order of the rows: + is for no index on the kind
        f"WHERE id>? AND +kind=? {wanted} ORDER BY id LIMIT {PAGE_ROWS}"
    )
    while page := database.execute(query, (last, kind, *among)).fetchall():
        yield from ((uid, state) for _, uid, state in page)
        last = page[-1][0]


def _places(values: Sequence[str]) -> str:
    return ",".join("?" * len(values))


def _within(namespace: str | None, rival: str) -> str:
    """Past a namespace, a name and a group."""
    if namespace is None:
        return f"(namespace, name, {rival})>(?,?,?)"
    return f"namespace=? AND (name, {rival})>(?,?)"


def _place(namespace: str | None, after: tuple[str, str]) -> tuple[str, str]:
    """Where to begin: what is ``after`` the end of another namespace is all of this one, or nothing."""
    if namespace is None or after[0] == namespace:
        return after
    return namespace, "" if after[0] < namespace else _LAST


def _one(database: PackedConnection, query: str, *values: str) -> Object | None:
    row = database.execute(query, values).fetchone()
    obj: Object | None = None if row is None else database.unpack(row[0])
    return obj


def _blob(data: bytes | None) -> bytearray | str:
    return bytearray(data) if data else ""


def _row(
    database: PackedConnection, obj: Object
) -> tuple[str, str, str, str, str, str, str | None, int, bytearray]:
    metadata = obj["metadata"]
    owners = metadata.get("ownerReferences")
    state = state_of(obj)
    return (
        metadata["uid"],
        obj["kind"],
        metadata.get("namespace", ""),
        metadata["name"],
        rival_group(obj.get("apiVersion", ""), obj["kind"]),
        owners[0]["uid"] if owners else "",
        state,
        int(metadata["resourceVersion"]),
        bytearray(database.pack(obj, state)),
    )
