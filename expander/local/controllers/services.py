"""The Services of a cluster by namespace: the kubelet asks for them whenever a pod starts."""

from __future__ import annotations

from collections.abc import Iterable

from expander.local.store.database import Object


class ServiceLister:
    """What is known of the Services of one store; other objects are passed over."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Object]] = {}

    def of(self, namespace: str) -> Iterable[Object]:
        """The Services of a namespace."""
        return self._found.get(namespace, {}).values()

    def see(self, obj: Object) -> None:
        """The object is new, or another."""
        if obj["kind"] == "Service":
            self._found.setdefault(obj["metadata"]["namespace"], {})[obj["metadata"]["uid"]] = obj

    def lose(self, obj: Object) -> None:
        """The object is gone."""
        if obj["kind"] == "Service":
            self._found.get(obj["metadata"]["namespace"], {}).pop(obj["metadata"]["uid"], None)
