"""The Services of a cluster by namespace: the kubelet asks for them whenever a pod starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from expander.kube.generated_names import new_uid
from expander.local.store.database import Object

API_SERVICE_IP: Final = "10.0.0.1"
"""The address of the Service ``kubernetes``, the first of the cluster's."""


class ServiceLister:
    """What is known of the Services of one store; other objects are passed over."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Object]] = {}
        self._changed: set[str] = set()

    def of(self, namespace: str) -> Iterable[Object]:
        """The Services of a namespace."""
        return self._found.get(namespace, {}).values()

    def update(self, obj: Object) -> None:
        """The object is new, or another."""
        if obj["kind"] == "Service":
            self._found.setdefault(obj["metadata"]["namespace"], {})[obj["metadata"]["uid"]] = obj
            self._changed.add(obj["metadata"]["namespace"])

    def remove(self, obj: Object) -> None:
        """The object is gone."""
        if obj["kind"] == "Service":
            self._found.get(obj["metadata"]["namespace"], {}).pop(obj["metadata"]["uid"], None)
            self._changed.add(obj["metadata"]["namespace"])

    def take_changed(self) -> set[str]:
        """The namespaces whose Services have changed since the last call."""
        changed, self._changed = self._changed, set()
        return changed


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
