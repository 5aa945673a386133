"""The fields of the kinds that the local API serves and the schemas on disk leave out: Node and Event.

Facts of ``k8s.io/api/core/v1`` types.go, as schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from expander.kube import schemas
from expander.kube.schemas import EVERYTHING, Schema

STRING: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "integer"}
TIME: Final[Schema] = {"type": "string", "format": "date-time"}
AMOUNTS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number"], "format": "quantity"},
}


def _struct(fields: Mapping[str, Schema], strings: str = "", *, atomic: bool = False) -> Schema:
    """A struct that is no pointer; ``strings`` names fields that are text, ``atomic`` makes it one value."""
    properties = {**fields, **dict.fromkeys(strings.split(), STRING)}
    schema: dict[str, Any] = {"type": "object", "properties": properties, "default": {}}
    return schema | ({"x-kubernetes-map-type": "atomic"} if atomic else {})


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items, "x-kubernetes-list-type": "atomic"}


def _set(items: Schema) -> Schema:
    return {**_list(items), "x-kubernetes-list-type": "set", "x-kubernetes-patch-strategy": "merge"}


def _keyed(items: Schema, key: str) -> Schema:
    """A list whose elements ``key`` tells apart, for both kinds of merge."""
    merge = {"x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": key}
    return {**_list(items), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key], **merge}


_REFERENCE: Final = _struct({}, "kind namespace name uid apiVersion resourceVersion fieldPath", atomic=True)
_CONDITION: Final = _struct(
    {"lastHeartbeatTime": TIME, "lastTransitionTime": TIME}, "type status reason message"
)
_INFO: Final = _struct(
    {"swap": EVERYTHING},
    "machineID systemUUID bootID kernelVersion osImage containerRuntimeVersion kubeletVersion "
    "kubeProxyVersion operatingSystem architecture",
)
_NODE_SPEC: Final = _struct(
    {
        "podCIDRs": _set(STRING),
        "taints": _list(_struct({"timeAdded": TIME}, "key value effect")),
        "unschedulable": {"type": "boolean"},
        "configSource": EVERYTHING,
    },
    "podCIDR providerID externalID",
)
_NODE_STATUS: Final = _struct(
    {
        "capacity": AMOUNTS,
        "allocatable": AMOUNTS,
        "conditions": _keyed(_CONDITION, "type"),
        "addresses": _keyed(_struct({}, "type address"), "type"),
        "daemonEndpoints": _struct({"kubeletEndpoint": _struct({"Port": NUMBER})}),
        "nodeInfo": _INFO,
        "images": _list(EVERYTHING),
        "volumesInUse": _list(STRING),
        "volumesAttached": _list(EVERYTHING),
        "config": EVERYTHING,
        "runtimeHandlers": _list(EVERYTHING),
        "features": EVERYTHING,
        "declaredFeatures": _list(STRING),
    },
    "phase",
)
_EVENT: Final[Mapping[str, Schema]] = {
    "involvedObject": _REFERENCE,
    "related": _REFERENCE,
    "source": _struct({}, "component host"),
    "series": EVERYTHING,
    "count": NUMBER,
    "firstTimestamp": TIME,
    "lastTimestamp": TIME,
    "eventTime": TIME,
}
_EVENT_STRINGS: Final = "reason message type action reportingComponent reportingInstance"


@cache
def schema_root(api_version: str, kind: str) -> Schema:
    """The schema of a Node or an Event; `EVERYTHING` for any other kind."""
    metadata = (schemas.root("v1", "Pod") or EVERYTHING)["properties"]["metadata"]
    if (api_version, kind) == ("v1", "Node"):
        return _struct({"metadata": metadata, "spec": _NODE_SPEC, "status": _NODE_STATUS}, "apiVersion kind")
    if (api_version, kind) == ("v1", "Event"):
        return _struct({"metadata": metadata, **_EVENT}, f"apiVersion kind {_EVENT_STRINGS}")
    return EVERYTHING
