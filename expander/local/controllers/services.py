"""The Services of a cluster by namespace, and where those without a selector lead: the kubelet asks for them
whenever a pod starts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from expander.kube.generated_names import new_uid
from expander.kube.wellknown import SLICE_CONTROLLER, SLICE_MANAGED_BY, SLICE_SERVICE
from expander.local.store.database import Object

API_SERVICE_IP: Final = "10.0.0.1"
"""The address of the Service ``kubernetes``, the first of the cluster's."""


class ServiceLister:
    """What is known of the Services of one store; other objects are passed over."""

    def __init__(self) -> None:
        self._services: dict[str, dict[str, Object]] = {}
        self._slices: dict[str, dict[str, Object]] = {}
        self._changed: set[str] = set()

    def of(self, namespace: str) -> Collection[Object]:
        """The Services of a namespace."""
        return self._services.get(namespace, {}).values()

    def slices(self, namespace: str, name: str) -> Iterable[Object]:
        """The EndpointSlices of a Service that are not those of the pods it selects."""
        for each in self._slices.get(namespace, {}).values():
            if (each["metadata"].get("labels") or {}).get(SLICE_SERVICE) == name:
                yield each

    def update(self, obj: Object) -> None:
        """The object is new, or another."""
        if (found := self._by_namespace(obj)) is not None:
            found.setdefault(obj["metadata"]["namespace"], {})[obj["metadata"]["uid"]] = obj
            self._changed.add(obj["metadata"]["namespace"])

    def remove(self, obj: Object) -> None:
        """The object is gone."""
        if (found := self._by_namespace(obj)) is not None:
            found.get(obj["metadata"]["namespace"], {}).pop(obj["metadata"]["uid"], None)
            self._changed.add(obj["metadata"]["namespace"])

    def take_changed(self) -> set[str]:
        """The namespaces whose Services have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def _by_namespace(self, obj: Object) -> dict[str, dict[str, Object]] | None:
        """Where objects of this kind are kept."""
        if obj["kind"] == "Service":
            return self._services
        labels = (obj["metadata"].get("labels") or {}) if obj["kind"] == "EndpointSlice" else None
        return None if labels is None or labels.get(SLICE_MANAGED_BY) == SLICE_CONTROLLER else self._slices


def initial_services(now: str) -> Iterator[Object]:
    """The Service under which pods of a cluster reach its API; another address stands for its own here."""
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "uid": new_uid(),
            "creationTimestamp": now,
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": 6443}],
            "clusterIP": API_SERVICE_IP,
            "clusterIPs": [API_SERVICE_IP],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }
