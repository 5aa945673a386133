"""API objects by kind, namespace, name and uid, with resource versions, kept in the state file.

An object is a plain mapping in the API's JSON form and is never changed in place: who changes one puts a
new one, which shares what stayed the same. That makes keeping the last versions for watches cheap. Most
objects rest in the file; in memory are those that somebody holds and those not yet committed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from math import inf
from typing import Any, Final, Literal

from expander.base.dataclass import dataclass
from expander.kube.scheme import rival_group, rival_groups
from expander.local.store import deleted_pods, object_rows
from expander.local.store.database import Object
from expander.local.store.encoding import PackedConnection, RestingObject, decode, encode
from expander.local.store.job_states import SUCCEEDED, UNFINISHED, state_of

Key = tuple[str, str, str]
"""Kind, namespace and name."""

Listed = Object | RestingObject
"""An object in a list, which may rest in the file."""

RESERVED_VERSIONS: Final = 10_000
"""Versions that are written down as given out before they are; after a crash they are left out."""

ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Change:
    """One step in the life of an object, as a watch tells it; ``before`` is the object before it, if any."""

    version: int
    type: ChangeType
    object: Object
    before: Object | None


class _Transaction:
    """Changes that are in a transaction and not yet durable."""

    def __init__(self) -> None:
        self.saved: dict[str, Object] = {}
        self.removed: set[str] = set()
        self.notes: dict[str, bytes | None] = {}
        self.given: dict[str, bytes | None] = {}

    def add(self, saved: dict[str, Object], removed: set[str], notes: dict[str, bytes | None]) -> None:
        """Further changes."""
        for uid in removed:
            self.saved.pop(uid, None)
        self.saved |= saved
        self.removed |= removed
        self.notes |= notes


class ObjectStore:
    """The objects of one database.

    ``version`` is the resource version of the last change. ``history`` is how many changes are kept for
    `since`; 0 keeps none.
    """

    def __init__(self, database: PackedConnection, *, history: int = 0) -> None:
        self._database = database
        self._memory: dict[str, Object] = {}
        self._names: dict[tuple[str, str, str, str], str] = {}
        self._lists: dict[str, dict[str | None, tuple[Object, ...]]] = {}
        self._held: set[str] = set()
        self._unsaved: dict[str, None] = {}
        self._new: set[str] = set()
        """Those that were never committed."""
        self._postponed: dict[str, float] = {}
        """Held objects that may be written later: by when (Unix seconds), the earliest first."""
        self._removed: set[str] = set()
        self._notes: dict[str, bytes | None] = {}
        self._given: dict[str, bytes | None] = {}
        self._summaries: dict[str, bytes] = {}
        self._open = _Transaction()
        """What was written into the transaction that is open."""
        self._noted = set(object_rows.noted(database))
        self._traced = deleted_pods.deleted_pod_owners(database)
        """The Jobs of which pods may have been deleted."""
        self._fading: set[str] = set()
        """What rests in the file, and in memory until the next flush: the loop may still look at it."""
        self._history = history
        self._changes: deque[Change] = deque(maxlen=history)
        self.version = self._reserved = object_rows.marked(database)
        self._forgotten = self.version
        """The last version of which no change is kept."""

    def get(self, kind: str, namespace: str, name: str, api_version: str = "") -> Object | None:
        """The object of that name, or None.

        ``api_version`` tells kinds of one name apart; without it that of Kubernetes goes before others.
        """
        for rival in (rival_group(api_version, kind),) if api_version else rival_groups(kind):
            if (uid := self._names.get((kind, namespace, name, rival))) is not None:
                return self._memory[uid]
            obj = object_rows.named(self._database, kind, namespace, name, rival)
            if obj is not None and obj["metadata"]["uid"] not in self._removed:
                return obj
        return None

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        if (obj := self._memory.get(uid)) is not None:
            return obj
        return None if uid in self._removed else object_rows.identified(self._database, uid)

    def read_ahead(self, uids: Sequence[str], needed: int) -> None:
        """Hold these Jobs, of which so many are about to be looked at, unless they have ended.

        Nothing is read if those are in memory.
        """
        if all(uid in self._memory or uid in self._removed for uid in uids[:needed]):
            return
        absent = [uid for uid in uids if uid not in self._memory and uid not in self._removed]
        for uid, data in object_rows.in_states(self._database, absent, UNFINISHED):
            self._remember(self._database.unpack(data))
            self._held.add(uid)

    def put(self, obj: Object, *, new: bool = False, durable: bool = True, by: float | None = None) -> Object:
        """Keep ``obj`` as the next version, whole, and give it back with its resource version.

        ``new`` when no object with its uid was there. A change that is not ``durable`` is for objects
        that are held: it goes into the file with the next one that is, or ``by`` a time (Unix seconds).
        """
        self.version += 1
        metadata = {**obj["metadata"], "resourceVersion": str(self.version)}
        obj, uid = {**obj, "metadata": metadata}, metadata["uid"]
        before = self.by_uid(uid) if self._history and not new else None
        if uid in self._memory:
            self._memory[uid] = obj
        else:
            self._remember(obj)
        if self._summaries:
            self._outdate(metadata)
        if new:
            self._new.add(uid)
        if durable:
            self._unsaved[uid] = None
            self._postponed.pop(uid, None)
        elif by is not None and uid not in self._unsaved:
            self._postponed.pop(uid, None)
            self._postponed[uid] = by
        if self._lists:
            self._lists.pop(obj["kind"], None)
        if self._history:
            self._record_change("ADDED" if new else "MODIFIED", obj, before)
        return obj

    def save(self, uid: str) -> None:
        """Have the next flush write the object, which is in memory."""
        self._unsaved[uid] = None
        self._postponed.pop(uid, None)

    def is_durable(self, uid: str) -> bool:
        """Whether the object, in this version or an earlier one, outlives this process."""
        return uid not in self._new

    def check(self, obj: Object) -> None:
        """Raise what writing ``obj`` down would raise: once it is `put`, nothing else could be written."""
        state_of(obj)
        encode(obj)

    def remove(self, obj: Object) -> None:
        """Forget an object that is there, and what was noted of it."""
        self.version += 1
        uid = obj["metadata"]["uid"]
        self._drop(uid)
        self._outdate(obj["metadata"])
        self._held.discard(uid)
        self._new.discard(uid)
        self._unsaved.pop(uid, None)
        self._postponed.pop(uid, None)
        self._notes.pop(uid, None)
        self._noted.discard(uid)
        self._removed.add(uid)
        self._lists.pop(obj["kind"], None)
        if self._history:
            last = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(self.version)}}
            self._record_change("DELETED", last, obj)

    def keep_deleted_pod(self, obj: Object, owner: str) -> None:
        """Keep the last state of a pod that is to be removed, for as long as its Job ``owner`` stays."""
        job = self.by_uid(owner)
        if job is not None and not job["metadata"].get("deletionTimestamp"):
            deleted_pods.keep_deleted_pod(self._database, obj, owner)
            self._traced.add(owner)

    def deleted_pods(self, owner: str) -> list[Object]:
        """The pods of a Job that were removed with a trace."""
        return [*deleted_pods.deleted_pods(self._database, owner)] if owner in self._traced else []

    def hold(self, uid: str) -> Object | None:
        """Keep this object in memory until it is released or removed; None when there is none."""
        obj = self.by_uid(uid)
        if obj is not None:
            self._held.add(uid)
            if uid not in self._memory:
                self._remember(obj)
        return obj

    def release(self, uid: str) -> None:
        """Let the object rest in the file. A last change that was not durable is lost."""
        self._held.discard(uid)
        if self._postponed.pop(uid, None) is not None:
            self._unsaved[uid] = None
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

    def remember_given(self, uid: str, digest: bytes | None) -> None:
        """Keep what tells the manifest that an object was made of; None when it is not that any more."""
        self._given[uid] = digest

    def given(self, uid: str) -> bytes | None:
        """The digest of the manifest that an object was made of, if it is known and still that."""
        if uid in self._given:
            return self._given[uid]
        return object_rows.given(self._database, uid)

    def summarize(self, uid: str, summary: bytes) -> None:
        """Keep what is to be known of a Job and its pods without reading them, until one of them changes."""
        self._summaries[uid] = summary

    def job_as_given(
        self, namespace: str, name: str, digest: bytes, api_version: str = ""
    ) -> tuple[str, Object | None, bool] | None:
        """The uid of the Job of that name, the Job, and whether it is known to be of the manifest with that
        digest; None when there is none. One that is, is complete and has a summary is not read: it is None.
        """
        rival = rival_group(api_version, "Job")
        if ("Job", namespace, name, rival) not in self._names:
            row = object_rows.as_given(self._database, namespace, name, rival)
            if row is None or row[0] in self._removed:
                return None
            uid, given, state, is_summarized, data = row
            if uid not in self._given:
                same = given == digest
                rests = same and is_summarized and state == SUCCEEDED
                return uid, None if rests else self._database.unpack(data), same
        job = self.get("Job", namespace, name, api_version)
        return None if job is None else (uid := job["metadata"]["uid"], job, self.given(uid) == digest)

    def noted(self, uid: str) -> Any:
        """What was noted of the object, or None."""
        if uid not in self._noted:
            return None
        data = self._notes[uid] if uid in self._notes else object_rows.note(self._database, uid)
        return None if data is None else decode(data)

    def notes(self) -> Iterator[tuple[str, Any]]:
        """Every note with the uid of its object."""
        self.flush()
        yield from ((uid, decode(data)) for uid, data in object_rows.notes(self._database))

    def of_kind(
        self, kind: str, namespace: str | None = None, after: tuple[str, str] = ("", "")
    ) -> Iterator[Object]:
        """All objects of a kind past ``after``, by namespace and name.

        What changes meanwhile may or may not show.
        """
        self._flush_new()
        listed = object_rows.listed(self._database, kind, namespace, after)
        yield from self._current((uid, data) for uid, data, _, _ in listed)

    def listed(self, kind: str, namespace: str | None, after: tuple[str, str]) -> Iterator[Listed]:
        """`of_kind`, without decoding what rests in the file."""
        self._flush_new()
        text = self._database.text
        for uid, data, *place in object_rows.listed(self._database, kind, namespace, after):
            held = self._memory.get(uid)
            yield RestingObject(text(data), uid, *place) if held is None else held

    def all_of(self, kind: str, namespace: str | None = None) -> Sequence[Object]:
        """What `of_kind` gives, remembered until an object of that kind changes: for kinds of few objects
        that are asked for often.
        """
        known = self._lists.setdefault(kind, {})
        if namespace not in known:
            known[namespace] = tuple(self.of_kind(kind, namespace))
        return known[namespace]

    def count(
        self, kind: str, namespace: str | None, after: tuple[str, str], rival: str | None = None
    ) -> int:
        """How many objects `of_kind` gives; only those of this `rival_group`, unless it is None."""
        self._flush_new()
        return object_rows.counted(self._database, kind, namespace, after, rival)

    def owned(self, uid: str) -> list[Object]:
        """The objects that have this one as their first owner, oldest first."""
        self._flush_new()
        return [*self._current(object_rows.owned(self._database, uid))]

    def owned_part(self, uid: str, after: int, count: int | None) -> list[tuple[int, Object]]:
        """The same with their rows in the file, past the row ``after``, at most ``count`` of them."""
        self._flush_new()
        found = object_rows.owned_part(self._database, uid, after, count)
        objects = self._current((uid, data) for _, uid, data in found)
        return [(row, obj) for (row, _, _), obj in zip(found, objects, strict=True)]

    def states(self, kind: str, among: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """Uid and state of every object of a kind in one of the states ``among``, oldest first, without
        reading the objects."""
        self.write_due(inf)
        self.flush()
        return object_rows.states(self._database, kind, among)

    def since(self, version: int) -> list[Change] | None:
        """The changes after ``version``; None when not all of them are kept any more."""
        if version < (self._forgotten if self._history else self.version):
            return None
        newer = [*takewhile(lambda change: change.version > version, reversed(self._changes))]
        newer.reverse()
        return newer

    def begin(self) -> None:
        """Read the file as it is now until the next `commit`: many objects are about to be looked for."""
        if not self._database.in_transaction:
            self._database.execute("BEGIN")

    def flush(self) -> None:
        """Bring the file up to date within the open transaction, which is begun if there is none."""
        if not (self._unsaved or self._removed or self._notes or self._given or self._summaries):
            return
        database, removed, notes = self._database, self._removed, self._notes
        saved = {uid: self._memory[uid] for uid in self._unsaved}
        self._open.add(saved, removed, notes)
        self._removed, self._unsaved, self._notes = set(), {}, {}
        self.begin()
        if removed:
            object_rows.delete(database, removed)
        object_rows.save(database, saved, self._given, self._summaries, self._held)
        self._open.given |= self._given
        self._given, self._summaries = {}, {}
        fading, self._fading = self._fading, saved.keys() - self._held
        for uid in fading - self._fading - self._held:
            self._drop(uid)
        if notes:
            object_rows.save_notes(database, notes)
        if self.version > self._reserved:
            self._reserved = self.version + RESERVED_VERSIONS
            object_rows.mark(database, self._reserved)

    def _flush_new(self) -> None:
        """The same, with the objects that may wait and are in no row yet."""
        for uid in self._new.difference(self._open.saved):
            self.save(uid)
        self.flush()

    def commit(self) -> None:
        """Make all changes up to now durable, but for those that may wait (see `put`)."""
        self.flush()
        if self._database.in_transaction:
            self._database.execute("COMMIT")
        self._new.difference_update(self._open.saved)
        self._open = _Transaction()

    def next_write(self) -> float | None:
        """When the next change is to be written that may wait (Unix seconds)."""
        return next(iter(self._postponed.values()), None)

    def write_due(self, now: float) -> None:
        """Have the next flush write what was to be written by ``now``."""
        while self._postponed and self._postponed[uid := next(iter(self._postponed))] <= now:
            del self._postponed[uid]
            self._unsaved[uid] = None

    def rollback(self) -> None:
        """Take back what could not be made durable: the next `commit` tries it again, whole."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._database.forget_dictionaries()
        lost, self._open = self._open, _Transaction()
        self._removed |= lost.removed
        again = {uid: obj for uid, obj in lost.saved.items() if uid not in self._removed}
        for uid, obj in again.items():
            if uid not in self._memory:
                self._remember(obj)
        self._unsaved = dict.fromkeys((*again, *self._unsaved))
        self._notes = lost.notes | self._notes
        self._given = lost.given | self._given
        self._reserved = 0

    def _current(self, found: Iterable[tuple[str, bytes]]) -> Iterator[Object]:
        for uid, data in found:
            held = self._memory.get(uid)
            yield self._database.unpack(data) if held is None else held

    def _remember(self, obj: Object) -> None:
        uid = obj["metadata"]["uid"]
        self._memory[uid] = obj
        self._names[_key(obj)] = uid

    def _outdate(self, metadata: Object) -> None:
        """Forget the summary of a Job that has changed, or of whose pods one has; the file does so too."""
        self._summaries.pop(metadata["uid"], None)
        for owner in metadata.get("ownerReferences") or ():
            self._summaries.pop(owner["uid"], None)

    def _drop(self, uid: str) -> None:
        if (obj := self._memory.pop(uid, None)) is not None:
            self._names.pop(_key(obj), None)

    def _record_change(self, step: ChangeType, obj: Object, before: Object | None) -> None:
        changes = self._changes
        if len(changes) == self._history:
            self._forgotten = changes[0].version
        changes.append(Change(self.version, step, obj, before))


def _key(obj: Object) -> tuple[str, str, str, str]:
    """Kind, namespace, name, and the `rival_group` of the kind."""
    metadata, kind = obj["metadata"], obj["kind"]
    return kind, metadata.get("namespace", ""), metadata["name"], rival_group(obj.get("apiVersion", ""), kind)
