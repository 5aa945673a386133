"""What merging must know of a field: whether it is one value, and what tells list elements apart.

Taken from the schemas, whose ``x-kubernetes-*`` keys are the markers and struct tags of the Go types. Kinds
without a schema file (Node, Event) have one here; of others objects are merged by key, and lists are one
value. `canonical_form` adds what the API writes in every object of a kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from functools import cache, cached_property
from typing import Any, Final

from expander.kube import schemas
from expander.kube.schemas import EVERYTHING, Schema
from expander.kube.scheme import find, load, of_object
from expander.local.registry import RELEASE

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
_METADATA: Final = (schemas.root("v1", "Pod") or EVERYTHING)["properties"]["metadata"]
NODE: Final = _struct({"metadata": _METADATA, "spec": _NODE_SPEC, "status": _NODE_STATUS}, "apiVersion kind")
EVENT: Final = _struct(
    {
        "metadata": _METADATA,
        "involvedObject": _REFERENCE,
        "regarding": _REFERENCE,
        "related": _REFERENCE,
        "source": _struct({}, "component host"),
        "deprecatedSource": _struct({}, "component host"),
        "series": EVERYTHING,
        **dict.fromkeys(("count", "deprecatedCount"), NUMBER),
        **dict.fromkeys(("firstTimestamp", "deprecatedFirstTimestamp"), TIME),
        **dict.fromkeys(("lastTimestamp", "deprecatedLastTimestamp"), TIME),
        "eventTime": TIME,
    },
    "apiVersion kind reason message note type action "
    "reportingComponent reportingController reportingInstance",
)
DEFINITION: Final = _struct(
    {"metadata": _METADATA, "spec": EVERYTHING, "status": EVERYTHING}, "apiVersion kind"
)


class MergeForm(Enum):
    """How a value is merged and owned."""

    SCALAR = "scalar"
    ATOMIC = "atomic"
    """An object or a list that is one value."""
    STRUCT = "struct"
    MAP = "map"
    SET = "set"
    """A list of scalars, each there once."""
    KEYED = "keyed"
    """A list of objects that some of their fields tell apart."""
    DEDUCED = "deduced"


class ElementType(Enum):
    """What a value consists of, atomic or not."""

    FIELDS = "fields"
    ELEMENTS = "elements"
    SCALAR = "scalar"
    ANYTHING = "anything"


SCALARS: Final = {"string": "string", "integer": "numeric", "number": "numeric", "boolean": "boolean"}


class MergeSchema:
    """The shape of one field, worked out as it is asked for."""

    def __init__(self, schema: schemas.Schema) -> None:
        self._schema = schema
        self.form = _form(schema)
        self._below: dict[str, MergeSchema | None] = {}

    @property
    def scalar(self) -> str:
        """``string``, ``numeric``, ``boolean``, or empty when any scalar will do."""
        return "" if self._schema.get("format") in LOOSE else SCALARS.get(self._schema.get("type", ""), "")

    @property
    def holds(self) -> ElementType:
        """What the value consists of."""
        if "properties" in self._schema or "additionalProperties" in self._schema:
            return ElementType.FIELDS
        if self._schema.get("type") == "array":
            return ElementType.ELEMENTS
        return ElementType.SCALAR if self.form is MergeForm.SCALAR else ElementType.ANYTHING

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """Of a KEYED list, the fields that tell its elements apart, sorted."""
        return tuple(sorted(self._schema.get("x-kubernetes-list-map-keys", ())))

    @cached_property
    def key_defaults(self) -> Mapping[str, Any]:
        """Of a KEYED list, what the key fields are when an element leaves them out."""
        known = {key: schemas.child(self.element._schema, key) or {} for key in self.keys}
        return {key: schema["default"] for key, schema in known.items() if "default" in schema}

    @property
    def strategies(self) -> tuple[str, ...]:
        """How a strategic merge patch merges the field: ``merge``, ``replace``, ``retainKeys``."""
        return tuple(self._schema.get("x-kubernetes-patch-strategy", "").split(","))

    @property
    def merge_key(self) -> str:
        """The field by which a strategic merge patch tells list elements apart; empty for scalars."""
        return str(self._schema.get("x-kubernetes-patch-merge-key", ""))

    def field(self, name: str) -> MergeSchema | None:
        """The shape of the field or map value of that name; None when the struct has no such field."""
        if name not in self._below:
            found = schemas.child(self._schema, name)
            self._below[name] = None if found is None else MergeSchema(found)
        return self._below[name]

    @cached_property
    def element(self) -> MergeSchema:
        """The shape of the elements of a list."""
        return MergeSchema(schemas.child(self._schema, 0) or schemas.EVERYTHING)

    @cached_property
    def empty(self) -> dict[str, Any]:
        """Of a STRUCT, what Go writes for one without a value: structs that are no pointers are there, and
        lists that have to be there are null."""
        found: dict[str, Any] = {}
        for name, schema in self._schema.get("properties", {}).items():
            below = self.field(name)
            assert below is not None
            if below.form is MergeForm.STRUCT and schema.get("default") == {}:
                found[name] = below.empty
            elif below.form in LISTS and name in self._schema.get("required", ()):
                found[name] = None
        return found


LISTS: Final = (MergeForm.SET, MergeForm.KEYED)
LOOSE: Final = ("quantity", "int-or-string")


def _form(schema: schemas.Schema) -> MergeForm:
    if schema.get("x-kubernetes-map-type") == "atomic":
        return MergeForm.ATOMIC
    if "properties" in schema:
        return MergeForm.STRUCT
    if schema.get("type") == "array":
        return {"set": MergeForm.SET, "map": MergeForm.KEYED}.get(
            schema.get("x-kubernetes-list-type", "atomic"), MergeForm.ATOMIC
        )
    if schema.get("type") == "object":
        return MergeForm.MAP if "additionalProperties" in schema else MergeForm.DEDUCED
    return MergeForm.SCALAR if "type" in schema or "format" in schema else MergeForm.DEDUCED


@cache
def root(api_version: str, kind: str) -> MergeSchema:
    """The shape of the objects of a kind."""
    row = find(api_version, kind)
    known = schemas.root(api_version, kind, RELEASE)
    return MergeSchema(known or (load(row.schema) if row is not None and row.schema else EVERYTHING))


Object = dict[str, Any]


def canonical_form(obj: Mapping[str, Any]) -> Object:
    """``obj``, a defaulted object, as the API writes it."""
    row = of_object(obj)
    return load(row.canonical)(obj) if row is not None and row.canonical else dict(obj)


def canonical_pod(obj: Mapping[str, Any]) -> Object:
    """A pod; the times of its conditions are there, if null."""
    status = obj.get("status") or {}
    if not status.get("conditions"):
        return dict(obj)
    times = {"lastProbeTime": None, "lastTransitionTime": None}
    return {**obj, "status": {**status, "conditions": [{**times, **each} for each in status["conditions"]]}}


def canonical_job(obj: Mapping[str, Any]) -> Object:
    """A Job; ``manualSelector`` is there."""
    spec = obj.get("spec")
    return {**obj, "spec": {"manualSelector": False, **spec}} if spec else dict(obj)
