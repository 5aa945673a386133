"""OpenAPI 3 documents of what is served: the index, and one document per group and version.

kubectl reads them to learn whether the server checks fields (the query parameters of patches) and for
``explain``. Components are made of the schemas in `kube.schemas` and named as kube-apiserver names its Go
types; `descriptions` says what they mean. Decided by kube-openapi's ``handler3`` and ``builder3``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from expander.kube import schemas
from expander.kube.api_resource import Resource
from expander.kube.served_kinds import BUILT_IN, ServedKinds
from expander.local.apiserver.discovery.descriptions import describe
from expander.local.apiserver.strategy import strategy_of
from expander.local.registry import GIT_VERSION, RELEASE

Body = dict[str, Any]

COMPONENTS: Final = "#/components/schemas/"
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
_ANYTHING: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
"""What is shown of a value that nothing is known about."""
_KEPT: Final = ("type", "format", "default", "enum", "required")


def name_of(title: str) -> str:
    """The name of the component for a Go type that is no kind."""
    if title in _OF_META:
        return _META + title
    return (_BATCH if title.startswith(_OF_BATCH) else _CORE) + title


def name_of_kind(resource: Resource, kind: str) -> str:
    """The name of the component for a kind, that of the resource or of its list."""
    if resource.published is not None or _is_foreign(resource.group):
        return _name_of_foreign(resource.group, f"{resource.version}.{kind}")
    group = resource.group.partition(".")[0] or "core"
    return f"io.k8s.api.{group}.{resource.version}.{kind}"


def _is_foreign(group: str) -> bool:
    """Whether a group is one of another project."""
    return "." in group and not group.endswith(".k8s.io")


def _name_of_foreign(group: str, title: str) -> str:
    """The name of the component for a type of another project: its domain goes first."""
    return ".".join((*reversed(group.split(".")), title))


def components(resources: Iterable[Resource]) -> dict[str, Body]:
    """The components for resources and their lists, with everything they refer to.

    A kind without a schema gets one that says only what every object has.
    """
    found: dict[str, Body] = {}
    for resource in resources:
        group, version = resource.group, resource.version
        for kind in (resource.kind, f"{resource.kind}List"):
            name = name_of_kind(resource, kind)
            schema = schemas.root(resource.api_version, kind, RELEASE)
            if resource.published is not None and kind == resource.kind:
                found[name] = _published(resource.published, found)
            else:
                _add(name, _any_object() if schema is None else schema, found)
            named = {"group": group, "kind": kind, "version": version}
            found[name]["x-kubernetes-group-version-kind"] = [named]
    return dict(sorted(found.items()))


def _published(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    """The schema of a custom resource; what every object has is told in Kubernetes' words."""
    own, told = schema["properties"], describe("io.k8s.api.batch.v1.Job").fields
    every = {name: own[name] for name in ("apiVersion", "kind")}
    every["metadata"] = _field(own["metadata"], False, found)
    described = {name: {"description": told.get(name, ""), **each} for name, each in every.items()}
    return {**schema, "properties": {**own, **described}}


def _any_object() -> schemas.Schema:
    job = schemas.root("batch/v1", "Job", RELEASE) or schemas.EVERYTHING
    shared = {name: job["properties"][name] for name in ("apiVersion", "kind", "metadata")}
    return {"type": "object", "properties": shared, "x-kubernetes-preserve-unknown-fields": True}


def _add(name: str, schema: schemas.Schema, found: dict[str, Body]) -> None:
    """Add a component and what it refers to, unless it is there."""
    if name in found:
        return
    found[name] = {}  # there before its parts, since a type may contain itself
    found[name] = dict(_SCALARS[name]) if name in _SCALARS else _body(schema, found)


def _body(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    body = _plain(schema, found) or {"type": "object"}
    if "properties" in schema:
        required = schema.get("required", ())
        body["properties"] = {
            field: _field(below, field in required, found) for field, below in schema["properties"].items()
        }
    return body


def _field(schema: schemas.Schema, required: bool, found: dict[str, Body]) -> Body:
    if "$ref" not in schema:
        zero = {"default": _ZEROS[schema["type"]]} if required and schema.get("type") in _ZEROS else {}
        return {**zero, **_plain(schema, found)} or dict(_ANYTHING)
    default = {"default": schema["default"]} if "default" in schema else {}
    return {**default, "allOf": [_reference(schema, found)]}


def _plain(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    """A schema without its fields."""
    body = {key: schema[key] for key in schema if key in _KEPT or key.startswith("x-kubernetes-")}
    for key in ("items", "additionalProperties"):
        below = schema.get(key)
        if isinstance(below, Mapping):
            plain = _reference(below, found) if "$ref" in below else _plain(below, found)
            body[key] = plain or dict(_ANYTHING)
    return body


def _reference(schema: schemas.Schema, found: dict[str, Body]) -> Body:
    definition = schemas.resolve(schema)
    name = _BY_FORMAT.get(definition.get("format", ""))
    if name is None:
        group, _, title = definition["title"].rpartition("/")
        foreign = _is_foreign(group)
        name = _name_of_foreign(group, title) if foreign else name_of(title.rpartition(".")[2])
    _add(name, definition, found)
    return {"$ref": COMPONENTS + name}


_METHODS: Final = {
    "get": ("get", "get"),
    "list": ("get", "list"),
    "create": ("post", "post"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
    "deletecollection": ("delete", "deletecollection"),
}
"""The HTTP method and the action (``x-kubernetes-action``) of each verb; watches are lists here."""
MAX_DOCUMENTS: Final = 256
"""Documents that are kept, so that they are made once."""
_OF_COLLECTION: Final = ("create", "deletecollection", "list")
_CHANGING: Final = ("create", "patch", "update")
_SELECTING: Final = ("deletecollection", "list")


def index(kinds: ServedKinds = BUILT_IN) -> Body:
    """``/openapi/v3``: where the documents are; an address changes with what is in the document."""
    paths = {}
    for group, version in kinds.group_versions:
        place = _place(group, version)
        paths[place] = {
            "serverRelativeURL": f"/openapi/v3/{place}?hash={digest(kinds.of_group(group, version))}"
        }
    return {"paths": paths}


@lru_cache(maxsize=MAX_DOCUMENTS)
def digest(resources: tuple[Resource, ...]) -> str:
    """The hash in the address of a document."""
    return hashlib.sha512(_encoded(_document(resources))).hexdigest().upper()


@lru_cache(maxsize=MAX_DOCUMENTS)
def document(resources: tuple[Resource, ...]) -> bytes:
    """``/openapi/v3/api/v1`` or ``/openapi/v3/apis/GROUP/VERSION`` as JSON, for all that is served of it."""
    body = _document(resources)
    custom = {name_of_kind(each, each.kind) for each in resources if each.published is not None}
    parts = body["components"]["schemas"]
    _describe({name: component for name, component in parts.items() if name not in custom})
    return _encoded(body)


def _describe(parts: Mapping[str, Body]) -> None:
    """Say what types and fields mean; where a field has no words, those of its type are said there only."""
    told_by_fields = set()
    for name, component in parts.items():
        told = describe(name)
        for field, below in component.get("properties", {}).items():
            (reference,) = below.get("allOf", [{}])
            type_name = reference.get("$ref", "").removeprefix(COMPONENTS)
            text = told.fields.get(field)
            if not text and type_name:
                text = describe(type_name).text
                told_by_fields.add(type_name)
            if text:
                below["description"] = text
    for name in parts.keys() - told_by_fields:
        if text := describe(name).text:
            parts[name]["description"] = text


def _document(resources: tuple[Resource, ...]) -> Body:
    """A document, of which only custom resources have descriptions."""
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": {path: item for resource in resources for path, item in _paths(resource)},
        "components": {"schemas": components(resources)},
    }


def _encoded(body: Body) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


def _place(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _paths(resource: Resource) -> Iterator[tuple[str, Body]]:
    """Every path of a resource with its operations."""
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{resource.path}{scope}/{resource.plural}"
    above = [_parameter("namespace", "path")] if resource.namespaced else []
    if resource.namespaced:
        everywhere = {"get": _operation(resource, resource.kind, "list")}
        yield f"{resource.path}/{resource.plural}", everywhere
    verbs = [verb for verb in resource.verbs if verb in _METHODS]
    yield (
        collection,
        {
            **{
                _METHODS[verb][0]: _operation(resource, resource.kind, verb)
                for verb in verbs
                if verb in _OF_COLLECTION
            },
            "parameters": above,
        },
    )
    above = [*above, _parameter("name", "path")]
    single = {
        _METHODS[verb][0]: _operation(resource, resource.kind, verb)
        for verb in verbs
        if verb not in _OF_COLLECTION
    }
    yield f"{collection}/{{name}}", {**single, "parameters": above}
    for part in resource.subresources:
        parts = {
            _METHODS[verb][0]: _operation(resource, part.kind, verb, part.group, part.version)
            for verb in part.verbs
        }
        yield f"{collection}/{{name}}/{part.name}", {**parts, "parameters": above}


def _operation(
    resource: Resource, kind: str, verb: str, group: str | None = None, version: str | None = None
) -> Body:
    named = {
        "group": resource.group if group is None else group,
        "version": version or resource.version,
        "kind": kind,
    }
    operation: Body = {
        "tags": [f"{resource.group or 'core'}_{resource.version}"],
        "parameters": _parameters(verb),
        "responses": {"200": {"description": "OK"}, "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": _METHODS[verb][1],
        "x-kubernetes-group-version-kind": named,
    }
    if kind == resource.kind:
        schema = {"$ref": COMPONENTS + name_of_kind(resource, kind)}
        if verb not in _SELECTING:
            operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}
        if verb in ("create", "update"):
            operation["requestBody"] = {"content": {"*/*": {"schema": schema}}, "required": True}
    if verb == "patch":
        body = {"schema": {"type": "object"}}
        patches = strategy_of(resource).patch_types
        operation["requestBody"] = {"content": dict.fromkeys(patches, body), "required": True}
    return operation


def _parameters(verb: str) -> list[Body]:
    """The query parameters that change what an operation does."""
    parameters = [_parameter("pretty")]
    if verb in (*_CHANGING, "delete", "deletecollection"):
        parameters.append(_parameter("dryRun"))
    if verb in _CHANGING:
        parameters += [_parameter("fieldManager"), _parameter("fieldValidation")]
    if verb == "patch":
        parameters.append(_parameter("force", type="boolean"))
    if verb in ("delete", "deletecollection"):
        parameters += [_parameter("gracePeriodSeconds", type="integer"), _parameter("propagationPolicy")]
    if verb in _SELECTING:
        texts = ("continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch")
        parameters += [_parameter(name) for name in texts]
        parameters += [_parameter(name, type="integer") for name in ("limit", "timeoutSeconds")]
        parameters.append(_parameter("sendInitialEvents", type="boolean"))
    if verb == "list":
        parameters += [_parameter(name, type="boolean") for name in ("allowWatchBookmarks", "watch")]
    return parameters


def _parameter(name: str, place: str = "query", type: str = "string") -> Body:
    parameter = {"name": name, "in": place, "schema": {"type": type, "uniqueItems": True}}
    return parameter | ({"required": True} if place == "path" else {})
