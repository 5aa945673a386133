"""API objects by kind, namespace, name and uid, with resource versions.

An object is a plain mapping in the API's JSON form and is never changed in place: who changes one puts a
new one, which shares what stayed the same. That makes keeping the last versions for watches cheap.

Most objects rest in the file; in memory are those that somebody holds and those not yet committed.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final, Literal

from expander.local.store import rows, traces
from expander.local.store.encoding import Object, decode, encode

Key = tuple[str, str, str]
"""Kind, namespace and name."""

RESERVED: Final = 10_000
"""Versions that are written down as given out before they are; after a crash they are left out."""

Step = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Change:
    """One step in the life of an object, as a watch tells it."""

    version: int
    type: Step
    object: Object


class Store:
    """The objects of one database.

    ``version`` is the resource version of the last change. ``history`` is how many changes are kept for
    `since`; 0 keeps none.
    """

    def __init__(self, database: sqlite3.Connection, *, history: int = 0) -> None:
        self._database = database
        self._memory: dict[str, Object] = {}
        self._names: dict[Key, str] = {}
        self._held: set[str] = set()
        self._unsaved: dict[str, None] = {}
        self._removed: set[str] = set()
        self._notes: dict[str, bytes | None] = {}
        self._noted = set(rows.noted(database))
        self._changes: deque[Change] = deque(maxlen=history)
        self.version = self._reserved = rows.marked(database)
        self._forgotten = self.version
        """The last version of which no change is kept."""

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object of that name, or None."""
        if (uid := self._names.get((kind, namespace, name))) is not None:
            return self._memory[uid]
        obj = rows.named(self._database, kind, namespace, name)
        return None if obj is None or obj["metadata"]["uid"] in self._removed else obj

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        if (obj := self._memory.get(uid)) is not None:
            return obj
        return None if uid in self._removed else rows.identified(self._database, uid)

    def put(self, obj: Object, *, new: bool = False, durable: bool = True) -> Object:
        """Keep ``obj`` as the next version, whole, and give it back with its resource version.

        ``new`` when no object with its uid was there. A change that is not ``durable`` is for objects
        that are held: it goes into the file with the next one that is.
        """
        self.version += 1
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        uid = self._remember(obj)
        if durable:
            self._unsaved[uid] = None
        self._tell("ADDED" if new else "MODIFIED", obj)
        return obj

    def remove(self, obj: Object) -> None:
        """Forget an object that is there, and what was noted of it."""
        self.version += 1
        uid = obj["metadata"]["uid"]
        self._drop(uid)
        self._held.discard(uid)
        self._unsaved.pop(uid, None)
        self._notes.pop(uid, None)
        self._noted.discard(uid)
        self._removed.add(uid)
        last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
        self._tell("DELETED", last)

    def trace(self, obj: Object, owner: str) -> None:
        """Keep the last state of a pod that is to be removed, for as long as its Job ``owner`` stays."""
        job = self.by_uid(owner)
        if job is not None and not job["metadata"].get("deletionTimestamp"):
            traces.keep(self._database, obj, owner)

    def traces(self, owner: str) -> list[Object]:
        """The pods of a Job that were removed with a trace."""
        return [*traces.of_job(self._database, owner)]

    def hold(self, uid: str) -> Object | None:
        """Keep this object in memory until it is released or removed; None when there is none."""
        obj = self.by_uid(uid)
        if obj is not None:
            self._held.add(uid)
            self._remember(obj)
        return obj

    def release(self, uid: str) -> None:
        """Let the object rest in the file. A last change that was not durable is lost."""
        self._held.discard(uid)
        if uid not in self._unsaved:
            self._drop(uid)

    def note(self, uid: str, value: Any) -> None:
        """Keep a small JSON value beside the object; an empty one removes it."""
        if value:
            self._noted.add(uid)
            self._notes[uid] = encode(value)
        elif uid in self._noted:
            self._noted.discard(uid)
            self._notes[uid] = None

    def noted(self, uid: str) -> Any:
        """What was noted of the object, or None."""
        if uid not in self._noted:
            return None
        data = self._notes[uid] if uid in self._notes else rows.note(self._database, uid)
        return None if data is None else decode(data)

    def notes(self) -> Iterator[tuple[str, Any]]:
        """Every note with the uid of its object."""
        self.flush()
        yield from ((uid, decode(data)) for uid, data in rows.notes(self._database))

    def of_kind(
        self, kind: str, namespace: str | None = None, after: tuple[str, str] = ("", "")
    ) -> Iterator[Object]:
        """All objects of a kind past ``after``, by namespace and name.

        What changes meanwhile may or may not show.
        """
        self.flush()
        yield from self._current(rows.listed(self._database, kind, namespace, after))

    def count(self, kind: str, namespace: str | None, after: tuple[str, str]) -> int:
        """How many objects `of_kind` gives."""
        self.flush()
        return rows.counted(self._database, kind, namespace, after)

    def owned(self, uid: str) -> list[Object]:
        """The objects that have this one as their first owner, oldest first."""
        self.flush()
        return [*self._current(rows.owned(self._database, uid))]

    def states(self, kind: str) -> Iterator[tuple[str, str]]:
        """Uid and state of every object of a kind, oldest first, without reading the objects."""
        self.flush()
        return rows.states(self._database, kind)

    def since(self, version: int) -> list[Change] | None:
        """The changes after ``version``; None when not all of them are kept any more."""
        if version < self._forgotten:
            return None
        newer = [*takewhile(lambda change: change.version > version, reversed(self._changes))]
        newer.reverse()
        return newer

    def flush(self) -> None:
        """Bring the file up to date within the open transaction, which is begun if there is none."""
        if not (self._unsaved or self._removed or self._notes):
            return
        database = self._database
        if not database.in_transaction:
            database.execute("BEGIN")
        if self._removed:
            rows.delete(database, self._removed)
            self._removed = set()
        rows.save(database, [self._memory[uid] for uid in self._unsaved])
        for uid in self._unsaved.keys() - self._held:
            self._drop(uid)
        self._unsaved = {}
        if self._notes:
            rows.save_notes(database, self._notes)
            self._notes = {}
        if self.version > self._reserved:
            self._reserved = self.version + RESERVED
            rows.mark(database, self._reserved)

    def commit(self) -> None:
        """Make all changes up to now durable."""
        self.flush()
        if self._database.in_transaction:
            self._database.execute("COMMIT")

    def _current(self, found: Iterable[tuple[str, bytes]]) -> Iterator[Object]:
        for uid, data in found:
            held = self._memory.get(uid)
            yield decode(data) if held is None else held

    def _remember(self, obj: Object) -> str:
        metadata = obj["metadata"]
        uid: str = metadata["uid"]
        self._memory[uid] = obj
        self._names[obj["kind"], metadata.get("namespace", ""), metadata["name"]] = uid
        return uid

    def _drop(self, uid: str) -> None:
        if (obj := self._memory.pop(uid, None)) is not None:
            metadata = obj["metadata"]
            self._names.pop((obj["kind"], metadata.get("namespace", ""), metadata["name"]), None)

    def _tell(self, step: Step, obj: Object) -> None:
        changes = self._changes
        if len(changes) == changes.maxlen:
            self._forgotten = changes[0].version if changes else self.version
        changes.append(Change(self.version, step, obj))
