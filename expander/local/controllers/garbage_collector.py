"""Deletes objects and what belongs to them, as the API server and the garbage collector do together.

``Background``: the object goes at once, its dependents after it, but those that somebody else owns too.
``Foreground``: it stays, marked, until its dependents are gone. ``Orphan``: the dependents stay and lose
their owner. Finalizers hold an object that is being deleted; pods take their grace period (see
`controllers.pods`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

from expander.kube.time import api_time
from expander.local.controllers.pods import PodControl
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

Propagation = Literal["Background", "Foreground", "Orphan"]

NOTE: Final = "deletion/"
"""In front of the uid of an object: the note that its dependents are being deleted."""

FOREGROUND: Final = "foregroundDeletion"
"""The finalizer of an object that waits for its dependents."""


class GarbageCollector:
    """The deletions of one store. ``gone`` is told the uid of each object that is removed.

    ``part`` is how many dependents of an object are deleted at a time, None for all: `sync` goes on with the
    others, also in the next life of the program.
    """

    def __init__(
        self,
        store: ObjectStore,
        pods: PodControl,
        gone: Callable[[Object], None],
        *,
        part: int | None = None,
    ) -> None:
        self._store = store
        self._pods = pods
        self._gone = gone
        self._part = part
        self._left: dict[str, tuple[Propagation, int]] = {}
        """The objects, by uid, whose dependents are being deleted: how, and the row of the last one."""
        self._ownerless: dict[str, None] = {}
        """The objects, by uid, that came with owners that are not there."""

    @property
    def pending(self) -> bool:
        """Whether there are dependents to be deleted."""
        return bool(self._left or self._ownerless)

    def restore(self) -> None:
        """Take up the deletions of an earlier life."""
        for key, note in self._store.notes():
            if key.startswith(NOTE):
                self._left[key.removeprefix(NOTE)] = (note["propagation"], 0)

    def sync(self, now: float) -> None:
        """Delete a part of what is left, and what has owners but none that is there."""
        ownerless, self._ownerless = self._ownerless, {}
        for uid in ownerless:
            if (obj := self._store.by_uid(uid)) is not None and self._lacks_owners(obj):
                self.delete(obj, now)
        if self._left:
            self._delete_part(next(iter(self._left)), now)

    def owners_changed(self, obj: Object) -> None:
        """The object is new, or a client has changed it: it goes soon if it has owners and none is there."""
        if self._lacks_owners(obj):
            self._ownerless[obj["metadata"]["uid"]] = None

    def _lacks_owners(self, obj: Object) -> bool:
        owners = obj["metadata"].get("ownerReferences") or ()
        return bool(owners) and not any(self._store.by_uid(each["uid"]) for each in owners)

    def delete(
        self, obj: Object, now: float, propagation: Propagation = "Background", grace: float | None = None
    ) -> None:
        """Delete an object of any kind; ``grace`` in seconds matters for pods only."""
        metadata = obj["metadata"]
        uid = metadata["uid"]
        if obj["kind"] == "Pod":
            self._pods.delete(uid, now, grace)
            return
        if propagation == "Orphan":
            for dependent in self._store.owned(uid):
                self._disown(dependent, uid)
        if propagation == "Foreground" and self._is_blocked(uid):
            self._mark(obj, now, FOREGROUND)
            self._delete_dependents(uid, propagation, now)
        else:
            self._finish(self._mark(obj, now) if metadata.get("finalizers") else obj, now)

    def _is_blocked(self, uid: str) -> bool:
        """Whether dependents hold up the end of an object: not those that wait for it in a circle."""
        first = self._store.owned_part(uid, 0, 2)
        return any(FOREGROUND not in (each["metadata"].get("finalizers") or ()) for _, each in first)

    def _delete_dependents(self, uid: str, propagation: Propagation, now: float) -> None:
        """Delete the dependents of an object, or a part of them and the others later."""
        self._left[uid] = (propagation, 0)
        self._delete_part(uid, now)
        if uid in self._left:
            self._store.note(f"{NOTE}{uid}", {"propagation": propagation})

    def _delete_part(self, uid: str, now: float) -> None:
        propagation, last = self._left[uid]
        found = self._store.owned_part(uid, last, self._part)
        if self._part is None or len(found) < self._part:
            del self._left[uid]
            self._store.note(f"{NOTE}{uid}", None)
        else:
            self._left[uid] = (propagation, found[-1][0])
        kept = [dependent for _, dependent in found if self._has_other_owner(dependent, uid)]
        for dependent in kept:
            self._disown(dependent, uid)
        for _, dependent in found:
            if dependent in kept:
                continue
            if propagation == "Background" and dependent["kind"] == "Pod":
                self._pods.release(dependent["metadata"]["uid"])
            self.delete(dependent, now, propagation)
        if kept:
            self.collect(uid, now)

    def _has_other_owner(self, dependent: Object, uid: str) -> bool:
        """Whether somebody else owns it too who does not wait for its end (attemptToDeleteItem)."""
        others = [each["uid"] for each in dependent["metadata"]["ownerReferences"] if each["uid"] != uid]
        found = (self._store.by_uid(each) for each in others)
        return any(
            owner is not None and FOREGROUND not in (owner["metadata"].get("finalizers") or ())
            for owner in found
        )

    def collect(self, uid: str, now: float) -> None:
        """A dependent of this object is gone: remove the object if it waited for that."""
        obj = self._store.by_uid(uid)
        if obj is None or FOREGROUND not in (obj["metadata"].get("finalizers") or ()):
            return
        if not self._store.owned_part(uid, 0, 1):
            self._finish(_without(obj, FOREGROUND), now)

    def settle(self, obj: Object, now: float) -> None:
        """The finalizers of an object have changed: remove it if it only waited for them."""
        metadata = obj["metadata"]
        if metadata.get("deletionTimestamp") and not metadata.get("finalizers") and obj["kind"] != "Pod":
            self._finish(obj, now)

    def _mark(self, obj: Object, now: float, finalizer: str | None = None) -> Object:
        """The object with the mark that it is being deleted; its generation counts that as a change."""
        metadata: dict[str, Any] = {**obj["metadata"]}
        if not metadata.get("deletionTimestamp"):
            metadata["deletionTimestamp"] = api_time(now)
            metadata["deletionGracePeriodSeconds"] = 0
            if "generation" in metadata:
                metadata["generation"] += 1
        finalizers = metadata.get("finalizers") or []
        if finalizer is not None and finalizer not in finalizers:
            metadata["finalizers"] = [*finalizers, finalizer]
        return self._store.put({**obj, "metadata": metadata})

    def _finish(self, obj: Object, now: float) -> None:
        if obj["metadata"].get("finalizers"):
            return
        self._store.remove(obj)
        self._gone(obj)
        self._delete_dependents(obj["metadata"]["uid"], "Background", now)

    def _disown(self, dependent: Object, uid: str) -> None:
        metadata = dependent["metadata"]
        if dependent["kind"] == "Pod":
            self._pods.disown(metadata["uid"], uid)
            return
        owners = [each for each in metadata.get("ownerReferences") or () if each["uid"] != uid]
        metadata = {key: value for key, value in metadata.items() if key != "ownerReferences"}
        self._store.put({**dependent, "metadata": metadata | ({"ownerReferences": owners} if owners else {})})


def _without(obj: Object, finalizer: str) -> Object:
    metadata = {**obj["metadata"]}
    metadata["finalizers"] = [each for each in metadata["finalizers"] if each != finalizer]
    return {**obj, "metadata": metadata}
