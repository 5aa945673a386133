"""The JSON Schema that accepts exactly what the API server can decode.

The shipped schemas say more (required fields, enums) and less (null, the range of integers) than the
decoder checks, so a schema for validation is derived from them: every value may be null, integers have
their bounds, texts their format, and nothing is required.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INT32 = {"minimum": -(2**31), "maximum": 2**31 - 1}
INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
SCALARS: dict[FieldType, dict[str, Any]] = {
    FieldType.STRING: {"type": ["string", "null"]},
    FieldType.BOOLEAN: {"type": ["boolean", "null"]},
    FieldType.NUMBER: {"type": ["number", "null"]},
    FieldType.INT32: {"type": ["integer", "null"], **INT32},
    FieldType.INT64: {"type": ["integer", "null"], **INT64},
    FieldType.INT_OR_STRING: {"type": ["integer", "string", "null"], **INT32},
    FieldType.QUANTITY: {"type": ["string", "number", "null"], "format": "kubernetes-quantity"},
    FieldType.TIME: {"type": ["string", "null"], "format": "kubernetes-time"},
    FieldType.ANY: {},
}


@cache
def decodable(name: str) -> dict[str, Any]:
    """The schema for objects of the definition of that name, with all it refers to in ``$defs``."""
    found: dict[str, Any] = {}
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in found:
            found[current] = translate(schemas.definitions()[current], pending)
    return {"$schema": DIALECT, "$ref": schemas.REF + name, "$defs": found}


def translate(schema: schemas.Schema, used: list[str]) -> dict[str, Any]:
    """``schema`` for the decoder; the definitions it refers to are appended to ``used``."""
    reference = schema.get("$ref")
    if reference is not None:
        used.append(reference.removeprefix(schemas.REF))
        return {"$ref": reference}
    kind = type_of(schema)
    if kind is FieldType.OBJECT:
        fields = {field: translate(below, used) for field, below in schema["properties"].items()}
        return {"type": ["object", "null"], "properties": fields, "additionalProperties": False}
    if kind is FieldType.LIST:
        return {"type": ["array", "null"], "items": translate(schema["items"], used)}
    if kind is FieldType.MAP:
        values = translate(schema["additionalProperties"], used)
        return {"type": ["object", "null"], "additionalProperties": values}
    if schema.get("format") == "byte":
        return {**SCALARS[kind], "format": "kubernetes-bytes"}
    return SCALARS[kind]
