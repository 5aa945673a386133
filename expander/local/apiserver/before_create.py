"""What the API server fills in before it stores an object: BeforeCreate and PrepareForCreate."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

from expander.kube.api_resource import Resource
from expander.kube.generated_names import generated, new_uid
from expander.kube.scheme import load
from expander.kube.time import api_time
from expander.local.apiserver.patch.managed_fields import update_managers
from expander.local.registry import RELEASE, prepare_job_for_create
from expander.local.store.database import Object
from expander.validate.defaults.defaults import defaults

SERVER_METADATA: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "generation",
)
"""Fields of the metadata that no client sets."""


def new_object(
    resource: Resource,
    obj: Object,
    namespace: str,
    now: float,
    manager: str | None,
    listed: Callable[[str], Iterable[Object]],
) -> Object:
    """The object as it will be stored; ``obj`` passed the schema check. ``now`` is Unix seconds.

    ``manager`` becomes the owner of its fields; None when their owners are in it. ``listed`` gives the
    objects of a kind that are there.
    """
    metadata: dict[str, Any] = {**(obj.get("metadata") or {})}
    for field in SERVER_METADATA:
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
        owned = update_managers(None, defaults(obj, release=RELEASE), manager, now)["metadata"]
        metadata["managedFields"] = owned.get("managedFields", [])
    if resource.kind == "Job":
        made = prepare_job_for_create(obj, uid, namespace=namespace)
    else:
        made = {**defaults(obj, release=RELEASE)}
        made["metadata"] = {**made["metadata"]}
        if resource.has_generation:
            made["metadata"]["generation"] = 1
    made["metadata"] |= {"uid": uid, "creationTimestamp": api_time(now)}
    if resource.prepare:
        load(resource.prepare)(made, listed)
    return made
