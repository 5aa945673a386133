"""Namespaces as they begin and end (the namespace and service account controllers decide).

A new one gets its service account. A deleted one stays, terminating, until everything in it is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from expander.kube.generated_names import new_uid
from expander.kube.scheme import STORED
from expander.kube.time import api_time
from expander.local.store.database import Object
from expander.local.store.events import EventStore
from expander.local.store.objects import ObjectStore


class NamespaceController:
    """The namespaces of one store. ``delete`` deletes any object, ``create`` is told of one that is new."""

    def __init__(
        self,
        store: ObjectStore,
        events: EventStore,
        create: Callable[[Object], None],
        delete: Callable[[Object, float], None],
    ) -> None:
        self._store = store
        self._events = events
        self._create = create
        self._delete = delete
        self._ending: dict[str, bool] = {}
        """The namespaces that are being deleted, and whether their contents have been."""

    @property
    def pending(self) -> bool:
        """Whether contents are to be deleted at once."""
        return not all(self._ending.values())

    def arrived(self, namespace: Object, now: float) -> None:
        """The namespace is new, or was there when the program started."""
        metadata = namespace["metadata"]
        if metadata.get("deletionTimestamp"):
            self._ending[metadata["uid"]] = False
        elif self._store.get("ServiceAccount", metadata["name"], "default") is None:
            account = {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {
                    "name": "default",
                    "namespace": metadata["name"],
                    "uid": new_uid(),
                    "creationTimestamp": api_time(now),
                },
            }
            self._create(self._store.put(account, new=True))

    def delete(self, namespace: Object, now: float) -> None:
        """Begin to delete a namespace."""
        metadata = namespace["metadata"]
        if metadata.get("deletionTimestamp"):
            return
        metadata = {**metadata, "deletionTimestamp": api_time(now)}
        status = {**(namespace.get("status") or {}), "phase": "Terminating"}
        self._store.put({**namespace, "metadata": metadata, "status": status})
        self._ending[metadata["uid"]] = False

    def sync(self, now: float) -> None:
        """Delete what is left in namespaces that end, and remove those that are empty."""
        for uid, emptied in list(self._ending.items()):
            namespace = self._store.by_uid(uid)
            if namespace is None:
                del self._ending[uid]
                continue
            name = namespace["metadata"]["name"]
            if not emptied:
                self._ending[uid] = True
                for obj in list(self._inside(name)):
                    if self._store.by_uid(obj["metadata"]["uid"]) is not None:
                        self._delete(obj, now)
            if next(self._inside(name), None) is None:
                del self._ending[uid]
                self._events.forget(name)
                self._store.remove(namespace)

    def _inside(self, name: str) -> Iterator[Object]:
        return chain.from_iterable(self._store.of_kind(kind, name) for kind in STORED)
