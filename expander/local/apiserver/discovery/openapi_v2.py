"""The OpenAPI 2 document, made of those of version 3 (kube-openapi's ``handler`` decides)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from expander.kube.api_resource import Resource
from expander.local.apiserver.discovery import openapi
from expander.local.registry import GIT_VERSION

DEFINITIONS: Final = "#/definitions/"
_UNKNOWN: Final = frozenset(("allOf", "anyOf", "not", "nullable", "oneOf"))
"""Keys of schemas that version 2 does not know or that are not published in it."""


@lru_cache(maxsize=1)
def document(groups: tuple[tuple[Resource, ...], ...]) -> bytes:
    """``/openapi/v2`` as JSON, for what is served of each group and version."""
    parts = [json.loads(openapi.document(resources)) for resources in groups]
    schemas = {name: each for part in parts for name, each in part["components"]["schemas"].items()}
    paths = {path: _path(item) for part in parts for path, item in part["paths"].items()}
    body = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": GIT_VERSION},
        "paths": dict(sorted(paths.items())),
        "definitions": {name: _schema(each) for name, each in sorted(schemas.items())},
    }
    return json.dumps(body, separators=(",", ":")).encode()


def _schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of version 3 as one of version 2; the values of its fields are schemas, too."""
    made = {key: value for key, value in schema.items() if key not in _UNKNOWN}
    for part in schema.get("allOf", ()):
        made |= part
    if "oneOf" in schema and "type" not in schema:
        made["type"] = "string"
    if "$ref" in made:
        made["$ref"] = DEFINITIONS + made["$ref"].removeprefix(openapi.COMPONENTS)
        made.pop("default", None)
    for key in ("items", "additionalProperties"):
        if isinstance(made.get(key), Mapping):
            made[key] = _schema(made[key])
    if "properties" in made:
        made["properties"] = {name: _schema(below) for name, below in made["properties"].items()}
    return made


def _path(item: Mapping[str, Any]) -> dict[str, Any]:
    """A path with its operations."""
    made: dict[str, Any] = {
        method: _operation(each) for method, each in item.items() if method != "parameters"
    }
    if "parameters" in item:
        made["parameters"] = [_parameter(each) for each in item["parameters"]]
    return made


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    made = {key: value for key, value in operation.items() if key != "requestBody"}
    made["parameters"] = [*_body(operation.get("requestBody")), *map(_parameter, operation["parameters"])]
    made["consumes"] = [*(operation.get("requestBody") or {"content": ["*/*"]})["content"]]
    made["produces"] = ["application/json", "application/yaml"]
    made["responses"] = {code: _response(each) for code, each in operation["responses"].items()}
    return made


def _body(body: Mapping[str, Any] | None) -> Iterator[dict[str, Any]]:
    if body is not None:
        schema = _schema(next(iter(body["content"].values()))["schema"])
        yield {"name": "body", "in": "body", "required": True, "schema": schema}


def _response(response: Mapping[str, Any]) -> dict[str, Any]:
    schemas = [_schema(each["schema"]) for each in response.get("content", {}).values()]
    return {"description": response["description"], **({"schema": schemas[0]} if schemas else {})}


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in parameter.items() if key != "schema"}, **parameter["schema"]}
