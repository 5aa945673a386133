"""A new object as the registry fills it in: what belongs to the server in metadata, status and addresses.

Decided by the ``PrepareForCreate`` functions of the registry strategies and by ``BeforeCreate`` of apiserver.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from expander.kube.generated_names import generated, new_uid
from expander.kube.scheme import Resource
from expander.kube.time import api_time
from expander.local.api.patching.managers import update_managers
from expander.local.store.encoding import Object
from expander.validate.defaulting.creation import created_job
from expander.validate.defaults.defaults import defaults

OWN: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
)
"""Fields of the metadata that no client sets."""

COUNTED: Final = frozenset(("Job", "CronJob", "Pod"))
"""Kinds whose ``generation`` counts the changes of their spec."""


Services = Callable[[], Iterable[Object]]
"""Gives the Services that are there."""


def created(
    resource: Resource, obj: Object, namespace: str, now: float, manager: str | None, services: Services
) -> Object:
    """The object as it will be stored; ``obj`` passed the schema check. ``now`` is Unix seconds.

    ``manager`` becomes the owner of its fields; None when their owners are in it. The addresses of
    ``services`` are taken.
    """
    metadata: dict[str, Any] = {**(obj.get("metadata") or {})}
    for field in OWN:
        metadata.pop(field, None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generated(metadata["generateName"])
    if namespace:
        metadata["namespace"] = namespace
    uid = new_uid()
    identity = {"apiVersion": resource.api_version, "kind": resource.kind}
    obj = {**obj, **identity, "metadata": metadata}
    obj.pop("status", None)
    if manager is not None:
        owned = update_managers(None, defaults(obj), manager, now)["metadata"]
        metadata["managedFields"] = owned.get("managedFields", [])
    if resource.kind == "Job":
        made = created_job(obj, uid, namespace=namespace)
    else:
        made = {**defaults(obj)}
        made["metadata"] = {**made["metadata"]}
        if resource.kind in COUNTED:
            made["metadata"]["generation"] = 1
    made["metadata"] |= {"uid": uid, "creationTimestamp": api_time(now)}
    fill = FILLS.get(resource.kind)
    if fill is not None:
        fill(made, services)
    return made


def _pod(pod: Object, _: object) -> None:
    pod["status"] = {"phase": "Pending"}


def _secret(secret: Object, _: object) -> None:
    """``stringData`` is written into ``data`` and never shown."""
    from base64 import b64encode

    texts = secret.pop("stringData", None)
    if texts:
        data = {key: b64encode(text.encode()).decode() for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **data}


def _namespace(namespace: Object, _: object) -> None:
    namespace["spec"] = {"finalizers": ["kubernetes"]}
    namespace["status"] = {"phase": "Active"}


def _service(service: Object, services: Callable[[], Iterable[Object]]) -> None:
    """A Service gets an address of its own unless it is headless."""
    spec = service["spec"]
    if spec["type"] != "ExternalName":
        if not spec.get("clusterIP"):
            spec["clusterIP"] = _free({each["spec"].get("clusterIP") for each in services()})
        spec["clusterIPs"] = [spec["clusterIP"]]
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    service["status"] = {"loadBalancer": {}}


def _free(taken: set[str | None]) -> str:
    """The first address of 10.0.0.0/16 behind those of the cluster itself that nobody has."""
    for number in range(10, 65536):
        address = f"10.0.{number >> 8}.{number & 255}"
        if address not in taken:
            return address
    raise ValueError("all addresses for Services are taken")


FILLS: Final[dict[str, Callable[[Object, Callable[[], Iterable[Object]]], None]]] = {
    "Pod": _pod,
    "Secret": _secret,
    "Namespace": _namespace,
    "Service": _service,
}
