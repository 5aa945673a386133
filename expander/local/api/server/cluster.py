"""The executor as an API server's storage: objects come in whole, and a change is durable when it returns.

Nothing is validated here. Every method gives the object as it is stored afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from expander.kube.scheme import Resource
from expander.local.api.views import pages
from expander.local.controllers.garbage import Propagation
from expander.local.executor import Executor
from expander.local.store.encoding import Object


class Cluster(Executor):
    """An `Executor` that is reached through the API; the arguments are the same."""

    def admit(self, obj: Object) -> Object:
        """A new object as the cluster completes it. Raises `admission.refused.Refused`."""
        return self._control.admit(obj)

    def create(self, obj: Object) -> Object:
        """Store a new object, which has its name, uid and time."""
        stored = self._control.store.put(obj, new=True)
        self._control.arrived(stored)
        self._control.commit()
        return stored

    def replace(self, old: Object, new: Object) -> Object:
        """Put ``new`` in the place of ``old``; its status stays that of ``old``."""
        new = {key: value for key, value in new.items() if key != "status"}
        stored = self._control.replace(old, new, self._clock())
        self._control.commit()
        return stored

    def replace_status(self, old: Object, status: Mapping[str, Any], metadata: Object) -> Object:
        """Give ``old`` another status, and the metadata that came with it."""
        new = {**old, "metadata": metadata, "status": dict(status)}
        stored = self._control.replace(old, new, self._clock())
        self._control.commit()
        return stored

    def remove(self, obj: Object, propagation: Propagation, grace: float | None) -> Object | None:
        """Delete an object; what is left of it, if it waits for something."""
        self._control.delete(obj, self._clock(), propagation, grace)
        self._control.commit()
        return self.by_uid(obj["metadata"]["uid"])

    def disrupt(self, namespace: str, name: str, grace: float | None) -> None:
        """Evict a pod, durably."""
        self.evict(namespace, name, grace)
        self._control.commit()

    def by_uid(self, uid: str) -> Object | None:
        """The object with that uid, or None."""
        return self._control.store.by_uid(uid)

    def objects(
        self, resource: Resource, namespace: str | None, after: pages.Key = ("", "")
    ) -> Iterator[Object]:
        """The objects of a resource past ``after``, by namespace and name; ``namespace`` None for all."""
        stored = self._control.store.of_kind(resource.kind, namespace, after)
        if resource.kind == "Event":
            told = (each for each in self.events(namespace) if pages.key(each) > after)
            return iter(sorted([*told, *stored], key=pages.key))
        return stored

    def count(self, resource: Resource, namespace: str | None, after: pages.Key) -> int:
        """How many `objects` gives."""
        if resource.kind == "Event":
            return sum(1 for _ in self.objects(resource, namespace, after))
        return self._control.store.count(resource.kind, namespace, after)

    def object(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """One object of a resource, or None."""
        found = self._control.store.get(resource.kind, namespace, name)
        if found is None and resource.kind == "Event":
            events = (each for each in self.events(namespace) if each["metadata"]["name"] == name)
            return next(events, None)
        return found
