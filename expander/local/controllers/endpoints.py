"""Which pods are behind a Service: its EndpointSlices, and its Endpoints.

pkg/controller/endpointslice (with staging/endpointslice) and pkg/controller/endpoint decide. What comes
together is written together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import Any, Final, Protocol

from expander.kube.generated_names import generated, new_uid
from expander.kube.objects import ENDED
from expander.kube.service_ports import target_ports
from expander.kube.time import api_time
from expander.kube.wellknown import SLICE_CONTROLLER, SLICE_MANAGED_BY, SLICE_SERVICE
from expander.local.controllers.batching import BatchedQueue
from expander.local.controllers.endpoint_mirror import SKIP, mirrored
from expander.local.controllers.job.pods import controller_reference, is_ready
from expander.local.controllers.services import ServiceLister
from expander.local.scheduler import Scheduler
from expander.local.store.database import Object
from expander.local.store.objects import ObjectStore

MAX_PER_SLICE: Final = 100
HEADLESS: Final = "service.kubernetes.io/headless"


class EndpointControlPlane(Protocol):
    """The control plane that the Services belong to."""

    store: ObjectStore
    services: ServiceLister
    scheduler: Scheduler


class EndpointController:
    """The endpoints of the Services with a selector, and the slices of Endpoints that others write.

    `sync` does what has come up since the last call.
    """

    def __init__(self, cluster: EndpointControlPlane, node: str) -> None:
        self._cluster = cluster
        self._node = node
        self.queue = BatchedQueue()
        """The uids of the Services and Endpoints to be looked at."""

    def restore(self) -> None:
        """Take up the Services and Endpoints of an earlier life."""
        for kind in ("Service", "Endpoints"):
            for obj in self._cluster.store.of_kind(kind):
                self.queue.add(obj["metadata"]["uid"])

    def changed(self, obj: Object) -> None:
        """An object of any kind is new, another, or about to go."""
        if obj["kind"] in ("Service", "Endpoints"):
            self.queue.add(obj["metadata"]["uid"])
        if obj["kind"] == "Service":
            self._look_at_endpoints(obj)
        elif obj["kind"] == "Pod":
            labels = (obj["metadata"].get("labels") or {}).items()
            for service in self._cluster.services.of(obj["metadata"]["namespace"]):
                selector = service["spec"].get("selector")
                if selector and selector.items() <= labels:
                    self.queue.add(service["metadata"]["uid"])

    def gone(self, obj: Object) -> None:
        """The object is in the store no more."""
        if obj["kind"] in ("Service", "Endpoints"):
            self.queue.forget(obj["metadata"]["uid"])
        if obj["kind"] == "Service":
            self._look_at_endpoints(obj)
        elif obj["kind"] == "Pod":
            self.changed(obj)

    def _look_at_endpoints(self, service: Object) -> None:
        metadata = service["metadata"]
        there = self._cluster.store.get("Endpoints", metadata["namespace"], metadata["name"])
        if there is not None:
            self.queue.add(there["metadata"]["uid"])

    def sync(self, now: float) -> None:
        """Write what is due."""
        for uid in self.queue.due(now):
            obj = self._cluster.store.by_uid(uid)
            if obj is not None and obj["kind"] == "Service":
                self._write(obj, now)
            elif obj is not None:
                self._write_slices(obj, mirrored(self._cluster.store, obj), now)

    def _write(self, service: Object, now: float) -> None:
        """Write the endpoints of a Service, unless somebody else does."""
        spec = service["spec"]
        selector = spec.get("selector")
        if not selector or spec.get("type") == "ExternalName":
            return
        pods = sorted(self._pods(service["metadata"]["namespace"], selector), key=_name)
        parts = (pods[at : at + MAX_PER_SLICE] for at in range(0, max(1, len(pods)), MAX_PER_SLICE))
        self._write_slices(service, (self._slice(service, part) for part in parts), now)
        self._write_endpoints(service, pods, now)

    def _pods(self, namespace: str, selector: dict[str, str]) -> Iterator[Object]:
        for uid in self._cluster.scheduler.scheduled():
            pod = self._cluster.store.by_uid(uid)
            if pod is None or pod["metadata"]["namespace"] != namespace:
                continue
            status, labels = pod.get("status") or {}, pod["metadata"].get("labels") or {}
            if status.get("podIP") and status.get("phase") not in ENDED:
                yield from (pod,) if selector.items() <= labels.items() else ()

    def _write_slices(self, owner: Object, slices: Iterable[Object], now: float) -> None:
        """Give a Service, or Endpoints, these slices and no others."""
        owned = self._cluster.store.owned(owner["metadata"]["uid"])
        there = sorted((each for each in owned if each["kind"] == "EndpointSlice"), key=_name)
        for old, new in zip_longest(there, slices):
            if new is None:
                self._remove(old)
            elif old is None or old["addressType"] != new["addressType"]:
                if old is not None:
                    self._remove(old)
                prefix = f"{owner['metadata']['name']}-"
                self._make(new, generated(prefix), now, generateName=prefix)
            else:
                self._replace(old, new)

    def _slice(self, service: Object, pods: Sequence[Object]) -> dict[str, Any]:
        labels = {SLICE_MANAGED_BY: SLICE_CONTROLLER, SLICE_SERVICE: service["metadata"]["name"]}
        labels |= _labels(service)
        return {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": _metadata(service, labels),
            "addressType": "IPv4",
            "endpoints": [self._endpoint(service, pod) for pod in pods],
            "ports": [
                {"name": name, "port": number, "protocol": protocol}
                for name, number, protocol in (_ports(service, pods) if pods else ())
            ],
        }

    def _endpoint(self, service: Object, pod: Object) -> dict[str, Any]:
        serving = is_ready(pod["status"])
        going = bool(pod["metadata"].get("deletionTimestamp"))
        ready = bool(service["spec"].get("publishNotReadyAddresses")) or (serving and not going)
        found = {
            "addresses": [pod["status"]["podIP"]],
            "conditions": {"ready": ready, "serving": serving, "terminating": going},
            "nodeName": self._node,
            "targetRef": _reference(pod),
        }
        return found | _hostname(service, pod)

    def _write_endpoints(self, service: Object, pods: list[Object], now: float) -> None:
        ready: list[Object] = []
        unready: list[Object] = []
        for pod in pods:
            if pod["metadata"].get("deletionTimestamp"):
                continue
            address = {"ip": pod["status"]["podIP"], "nodeName": self._node, "targetRef": _reference(pod)}
            listed = is_ready(pod["status"]) or service["spec"].get("publishNotReadyAddresses")
            (ready if listed else unready).append(_hostname(service, pod) | address)
        subset: dict[str, Any] = {"addresses": ready} if ready else {}
        subset |= {"notReadyAddresses": unready} if unready else {}
        ports = [
            ({"name": name} if name else {}) | {"port": number, "protocol": protocol}
            for name, number, protocol in _ports(service, pods)
        ]
        labels = (service["metadata"].get("labels") or {}) | _labels(service)
        new: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": _metadata(service, labels),
        }
        if subset:
            new["subsets"] = [subset | ({"ports": ports} if ports else {})]
        metadata = service["metadata"]
        old = self._cluster.store.get("Endpoints", metadata["namespace"], metadata["name"])
        if old is None:
            self._make(new, metadata["name"], now)
        else:
            self._replace(old, new)

    def _make(self, obj: dict[str, Any], name: str, now: float, **others: str) -> None:
        own = {"name": name, "uid": new_uid(), "creationTimestamp": api_time(now), **others}
        made = self._cluster.store.put({**obj, "metadata": own | obj["metadata"]}, new=True)
        self._cluster.services.update(made)

    def _replace(self, old: Object, new: dict[str, Any]) -> None:
        made = {**new, "metadata": old["metadata"] | new["metadata"]}
        if made != old:
            self._cluster.services.update(self._cluster.store.put(made))

    def _remove(self, obj: Object) -> None:
        self._cluster.store.remove(obj)
        self._cluster.services.remove(obj)


def api_endpoints(address: str, port: int, now: float) -> Iterator[Object]:
    """Where the Service ``kubernetes`` leads: the API server itself."""
    ports = [{"name": "https", "port": port, "protocol": "TCP"}]
    for api_version, kind in (("v1", "Endpoints"), ("discovery.k8s.io/v1", "EndpointSlice")):
        metadata: dict[str, Any] = {
            "name": "kubernetes",
            "namespace": "default",
            "uid": new_uid(),
            "creationTimestamp": api_time(now),
        }
        made = {"apiVersion": api_version, "kind": kind, "metadata": metadata}
        if kind == "Endpoints":
            metadata["labels"] = {SKIP: "true"}
            yield {**made, "subsets": [{"addresses": [{"ip": address}], "ports": ports}]}
        else:
            metadata["labels"] = {SLICE_SERVICE: "kubernetes"}
            endpoint = {"addresses": [address], "conditions": {"ready": True}}
            yield {**made, "addressType": "IPv4", "endpoints": [endpoint], "ports": ports}


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _metadata(service: Object, labels: dict[str, str]) -> dict[str, Any]:
    metadata = service["metadata"]
    owner = controller_reference(service)
    return {"namespace": metadata["namespace"], "labels": labels, "ownerReferences": [owner]}


def _labels(service: Object) -> dict[str, str]:
    return {HEADLESS: ""} if service["spec"].get("clusterIP") == "None" else {}


def _reference(pod: Object) -> dict[str, str]:
    metadata = pod["metadata"]
    named = {key: metadata[key] for key in ("name", "namespace", "uid")}
    return {"kind": "Pod", **named}


def _hostname(service: Object, pod: Object) -> dict[str, str]:
    """The host name under which a headless Service publishes a pod."""
    spec = pod["spec"]
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        return {"hostname": spec["hostname"]}
    return {}


def _ports(service: Object, pods: Iterable[Object]) -> Iterator[tuple[str, int, str]]:
    """Name, number and protocol of what the pods listen at; a port with a name is that of the first pod."""
    for port in service["spec"].get("ports") or ():
        for target in islice(target_ports(port, pods), 1):
            yield port.get("name") or "", target, port.get("protocol") or "TCP"
