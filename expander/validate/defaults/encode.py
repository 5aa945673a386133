"""Writing an object as the API server's JSON encoder does: what Go omits when it is empty.

A field that is tagged ``omitempty`` is left out if it is an empty list or map, or the zero value of a type
that is no pointer. The schemas tell most of the lists and maps, which are not ``required``; the tables here
the rest, from the types of k8s.io/api. Structs stay (``emptyDir: {}``). The plan for a type is worked out
once from its schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of
from expander.kube.versions import Release
from expander.validate.defaults.decode import Reader, same

ALWAYS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "v1.ClusterRole": "rules",
        "v1.EndpointSlice": "endpoints ports",
        "v1.ProjectedVolumeSource": "sources",
        "v1.Role": "rules",
    }
)
"""Lists by type that are optional and written nevertheless."""

_CONTAINER: Final = "stdin stdinOnce tty workingDir"
ZEROS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "v1.Container": _CONTAINER,
        "v1.ContainerPort": "hostIP hostPort name",
        "v1.DaemonSetSpec": "minReadySeconds",
        "v1.DeploymentSpec": "minReadySeconds paused",
        "v1.EmptyDirVolumeSource": "medium",
        "v1.EnvFromSource": "prefix",
        "v1.EnvVar": "value",
        "v1.EphemeralContainer": _CONTAINER,
        "v1.HTTPGetAction": "host",
        "v1.ObjectMeta": "generateName",
        "v1.PersistentVolumeClaimSpec": "volumeName",
        "v1.PersistentVolumeClaimVolumeSource": "readOnly",
        "v1.PodSpec": "hostIPC hostNetwork hostPID hostname nodeName priorityClassName serviceAccount "
        "serviceAccountName subdomain",
        "v1.PriorityClass": "description globalDefault",
        "v1.Probe": "initialDelaySeconds",
        "v1.ReplicaSetSpec": "minReadySeconds",
        "v1.ReplicationControllerSpec": "minReadySeconds",
        "v1.ServicePort": "name nodePort",
        "v1.ServiceSpec": "externalName healthCheckNodePort loadBalancerIP publishNotReadyAddresses",
        "v1.StatefulSetSpec": "minReadySeconds",
        "v1.Toleration": "effect key operator value",
        "v1.VolumeMount": "readOnly subPath subPathExpr",
    }
)
"""Numbers, texts and booleans by type that are no pointers: those that people write though they are zero."""


def omit_empty(obj: dict[str, Any], release: Release, *, zeros: bool) -> dict[str, Any]:
    """``obj``, which has its defaults, without what Go omits; ``zeros`` tells whether `ZEROS` are omitted.

    Of kinds that are not built in an API server writes the metadata so, and keeps the rest as it was sent.
    """
    name = schemas.kinds(release).get(obj.get("apiVersion") or "", {}).get(obj.get("kind") or "")
    if name is not None:
        found: dict[str, Any] = _writer(name, release, zeros)(obj)
        return found
    metadata = obj.get("metadata")
    write = _plan(schemas.object_meta(release), release, zeros)
    return {**obj, "metadata": write(metadata)} if metadata else obj


@cache
def _writer(name: str, release: Release, zeros: bool) -> Reader:
    """The writer for the definition of that name."""
    return _plan(schemas.definition(name), release, zeros)


def _plan(schema: schemas.Schema, release: Release, zeros: bool) -> Reader:
    """The writer for the type that a schema describes; `same` when there is nothing to omit."""
    if (reference := schema.get("$ref")) is not None:
        return _writer(reference.removeprefix(schemas.REF), release, zeros)
    kind = type_of(schema)
    if kind is FieldType.LIST and (element := _plan(schema["items"], release, zeros)) is not same:
        return lambda value: [element(each) for each in value] if isinstance(value, list) else value
    return _struct(schema, release, zeros) if kind is FieldType.OBJECT else same


def _struct(schema: schemas.Schema, release: Release, zeros: bool) -> Reader:
    fields: Mapping[str, schemas.Schema] = schema["properties"]
    title = schema.get("title", "")
    plans = {field: _plan(below, release, zeros) for field, below in fields.items()}
    writers = {field: plan for field, plan in plans.items() if plan is not same}
    collections = {
        field
        for field, below in fields.items()
        if type_of(schemas.resolve(below)) in (FieldType.LIST, FieldType.MAP)
    }
    omitted = collections - {*schema.get("required", ()), *ALWAYS.get(title, "").split()}
    if zeros:
        omitted |= {*ZEROS.get(title, "").split()}
    if not writers and not omitted:
        return same

    def write(value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        made = {}
        for field, below in value.items():
            if below or field not in omitted:
                convert = writers.get(field)
                made[field] = below if convert is None else convert(below)
        return made

    return write
