"""The schemas of kinds as OpenAPI 3 components, named as kube-apiserver names its Go types.

Made of the schemas that `manifests.schemas` holds. Those say in ``required`` and ``enum`` what the API server
checks; the prose of the published documents is not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from expander.kube import schemas
from expander.local.api.views.explanations import EXPLANATIONS

Body = dict[str, Any]

VERSION: Final = "1.36"
FOLDER: Final = "#/components/schemas/"
_BATCH: Final = "io.k8s.api.batch.v1."
_CORE: Final = "io.k8s.api.core.v1."
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_OF_BATCH: Final = ("Job", "CronJob", "PodFailurePolicy", "SuccessPolicy", "UncountedTerminatedPods")
"""What the names of the types of the batch group begin with."""
_OF_META: Final = frozenset(
    (
        *("Condition", "FieldsV1", "LabelSelector", "LabelSelectorRequirement", "ListMeta"),
        *("ManagedFieldsEntry", "ObjectMeta", "OwnerReference", "ShardInfo", "Time", "MicroTime"),
    )
)
_QUANTITY: Final = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_INT_OR_STRING: Final = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_SCALARS: Final[Mapping[str, Body]] = {
    _QUANTITY: {"oneOf": [{"type": "string"}, {"type": "number"}]},
    _INT_OR_STRING: {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]},
}
_BY_FORMAT: Final = {"quantity": _QUANTITY, "int-or-string": _INT_OR_STRING}
_ZEROS: Final = {"string": "", "integer": 0, "boolean": False}
"""What the API server has for a required field that is absent."""
_KEPT: Final = ("type", "format", "default", "enum", "required")


def name_of(title: str, group: str = "") -> str:
    """The name of the component for a Go type; ``group`` is that of a kind, if it is one."""
    if title in _OF_META:
        return _META + title
    return (_BATCH if group == "batch" or title.startswith(_OF_BATCH) else _CORE) + title


def components(kinds: Iterable[str], group: str, version: str) -> dict[str, Body]:
    """The components for some kinds of one group and version, with everything they refer to.

    A kind without a schema gets one that says only what every object has.
    """
    found: dict[str, Body] = {}
    api_version = f"{group}/{version}" if group else version
    for kind in kinds:
        name = name_of(kind, group)
        schema = schemas.root(api_version, kind, VERSION)
        _add(name, _any_object() if schema is None else schema, found)
        found[name]["x-kubernetes-group-version-kind"] = [{"group": group, "kind": kind, "version": version}]
    return dict(sorted(found.items()))


def _any_object() -> schemas.Schema:
    job = schemas.root("batch/v1", "Job", VERSION) or schemas.EVERYTHING
    shared = {name: job["properties"][name] for name in ("apiVersion", "kind", "metadata")}
    return {"type": "object", "properties": shared, "x-kubernetes-preserve-unknown-fields": True}


def _add(name: str, schema: schemas.Schema, found: dict[str, Body]) -> None:
    """Add a component and what it refers to, unless it is there."""
    if name in found:
        return
    found[name] = {}  # there before its parts, since a type may contain itself
    found[name] = dict(_SCALARS[name]) if name in _SCALARS else _body(schema, name, found)


def _body(schema: schemas.Schema, name: str, found: dict[str, Body]) -> Body:
    body = _plain(schema, found) or {"type": "object"}
    if "properties" in schema:
        told = EXPLANATIONS.get(name.rpartition(".")[2], {})
        required = schema.get("required", ())
        body["properties"] = {
            field: _field(below, told.get(field), field in required, found)
            for field, below in schema["properties"].items()
        }
    return body


def _field(schema: schemas.Schema, told: str | None, required: bool, found: dict[str, Body]) -> Body:
    described = {"description": told} if told else {}
    if "$ref" not in schema:
        zero = {"default": _ZEROS[schema["type"]]} if required and schema.get("type") in _ZEROS else {}
        return {**described, **zero, **_plain(schema, found)}
    default = {"default": schema["default"]} if "default" in schema else {}
    return {**described, **default, "allOf": [_reference(schema, found)]}


def _plain(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    """A schema without its fields."""
    body = {key: schema[key] for key in schema if key in _KEPT or key.startswith("x-kubernetes-")}
    for key in ("items", "additionalProperties"):
        if schema.get(key):
            below = schema[key]
            body[key] = _reference(below, found) if "$ref" in below else _plain(below, found)
    return body


def _reference(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    definition = schemas.resolve(schema)
    name = _BY_FORMAT.get(definition.get("format", "")) or name_of(definition["title"].rpartition(".")[2])
    _add(name, definition, found)
    return {"$ref": FOLDER + name}
