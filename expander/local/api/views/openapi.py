"""OpenAPI 3 documents of what is served: the index, and one document per group and version.

kubectl reads them to learn whether the server checks fields itself (the query parameters of the patch
operations) and to explain kinds. The paths are told without what only people read. Decided by
kube-openapi's ``handler3`` and ``builder3``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from expander.kube.scheme import GROUP_VERSIONS, Resource, of_group
from expander.local.api.views.discovery import GIT_VERSION
from expander.local.api.views.openapi_schemas import FOLDER, components, name_of

Body = dict[str, Any]

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
_OF_COLLECTION: Final = ("create", "deletecollection", "list")
_CHANGING: Final = ("create", "patch", "update")
_SELECTING: Final = ("deletecollection", "list")
_PATCHES: Final = tuple(
    f"application/{form}"
    for form in (
        "apply-patch+yaml",
        "json-patch+json",
        "merge-patch+json",
        "strategic-merge-patch+json",
    )
)


@cache
def index() -> Body:
    """``/openapi/v3``: where the documents are; an address changes with what is in the document."""
    return {
        "paths": {
            _place(group, version): {
                "serverRelativeURL": f"/openapi/v3/{_place(group, version)}?hash={digest(group, version)}"
            }
            for group, version in GROUP_VERSIONS
        }
    }


def digest(group: str, version: str) -> str:
    """The hash in the address of a document. Raises KeyError when the group and version are not served."""
    return hashlib.sha512(document(group, version)).hexdigest().upper()


@cache
def document(group: str, version: str) -> bytes:
    """``/openapi/v3/api/v1`` or ``/openapi/v3/apis/GROUP/VERSION`` as JSON.

    Raises KeyError when it is not served.
    """
    resources = of_group(group, version)
    if not resources:
        raise KeyError(f"{group}/{version}")
    kinds = [kind for each in resources for kind in (each.kind, f"{each.kind}List")]
    body = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": {path: item for resource in resources for path, item in _paths(resource)},
        "components": {"schemas": components(kinds, group, version)},
    }
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
        schema = {"$ref": FOLDER + name_of(kind, resource.group)}
        if verb not in _SELECTING:
            operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}
        if verb in ("create", "update"):
            operation["requestBody"] = {"content": {"*/*": {"schema": schema}}, "required": True}
    if verb == "patch":
        body = {"schema": {"type": "object"}}
        operation["requestBody"] = {"content": dict.fromkeys(_PATCHES, body), "required": True}
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
