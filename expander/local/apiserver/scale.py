"""The subresource ``scale``: how many pods a workload is to have, as ``kubectl scale`` sets it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from expander.kube import selectors
from expander.kube.api_resource import Resource
from expander.kube.objects import value_at
from expander.local.apiserver import status
from expander.local.apiserver.codecs import RequestBody, ResponseFormat, encode_object
from expander.local.apiserver.read import get_object, include_object
from expander.local.apiserver.routing import Backend, Target
from expander.local.apiserver.status import StatusError
from expander.local.apiserver.write import WriteRequest, apply_plain_patch, decode_patch
from expander.local.store.database import Object

SCALE: Final = Resource(
    kind="Scale",
    plural="scales",
    group="autoscaling",
    printer="expander.local.apiserver.printers.apps:SCALE",
)
_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(resource: Resource, obj: Object) -> dict[str, Any]:
    """The Scale (autoscaling/v1) of a workload; StatusError when it does not say how many pods it wants."""
    metadata, paths = obj["metadata"], resource.scale_paths
    replicas = value_at(obj, paths.replicas)
    if replicas is None:
        why = f'the spec replicas field ".{paths.replicas}" does not exist'
        raise StatusError(status.internal(why))
    if resource.stored_as:
        selector = str(value_at(obj, paths.selector) or "") if paths.selector else ""
    else:
        given = obj["spec"].get("selector") or {}
        if "matchLabels" not in given and "matchExpressions" not in given:
            given = {"matchLabels": given}
        selector = str(selectors.from_object(given))
    shown = {"replicas": value_at(obj, paths.status_replicas) or 0}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {field: metadata[field] for field in _KEPT if field in metadata},
        "spec": {"replicas": replicas},
        "status": {**shown, **({"selector": selector} if selector else {})},
    }


def read_scale(backend: Backend, target: Target, query: Mapping[str, str], form: ResponseFormat) -> Object:
    """The answer to a request for a Scale; StatusError when there is no such workload."""
    scale = scale_of(target.resource, get_object(backend.storage, target))
    return encode_object(SCALE, scale, form, backend.clock(), include=include_object(query))


def write_scale(writer: WriteRequest, body: RequestBody | None, patch: tuple[bytes, str] | None) -> Object:
    """Give a workload as many pods as a Scale, or a ``patch`` of one with its media type, says."""
    target, storage = writer.target, writer.backend.storage
    old = get_object(storage, target)
    resource = target.resource
    scale = scale_of(resource, old)
    if patch is not None:
        data, media = patch
        new = apply_plain_patch(resource, scale, decode_patch(writer.strategy, data, media), media)
    else:
        new = body.data if body is not None and isinstance(body.data, dict) else {}
    replicas = (new.get("spec") or {}).get("replicas") or 0
    version = (new.get("metadata") or {}).get("resourceVersion")
    if not isinstance(replicas, int) or replicas < 0:
        raise StatusError(status.bad_request(f"spec.replicas: Invalid value: {replicas}: must be 0 or more"))
    if version and version != old["metadata"]["resourceVersion"]:
        raise StatusError(status.conflict(target.resource, target.name))
    steps = resource.scale_paths.replicas.split(".")
    return scale_of(resource, writer.store(old, _with(old, steps, replicas)))


def _with(obj: Object, steps: list[str], value: Any) -> Object:
    """A copy of an object with ``value`` at ``steps``."""
    step, *below = steps
    return {**obj, step: _with(obj.get(step) or {}, below, value) if below else value}
