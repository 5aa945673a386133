"""Why a part of an object cannot be decoded, as findings.

The words are our own where the API server names a Go type, since a user wrote YAML.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from expander.base.errors import nearest
from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of
from expander.validate.finding import Finding, Reason
from expander.validate.schema_compile import INT32, INT64
from expander.validate.schema_engines import Path
from expander.validate.schema_formats import is_base64, is_time, quantity_fault

WANTED = {
    FieldType.STRING: "a string",
    FieldType.INT32: "an integer",
    FieldType.INT64: "an integer",
    FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false",
    FieldType.INT_OR_STRING: "an integer or a string",
    FieldType.QUANTITY: "a quantity (a number or a string such as 500m or 64Mi)",
    FieldType.TIME: "a time",
    FieldType.OBJECT: "an object",
    FieldType.LIST: "a list",
    FieldType.MAP: "an object",
}
BOUNDS = {
    FieldType.INT32: ("32", INT32),
    FieldType.INT_OR_STRING: ("32", INT32),
    FieldType.INT64: ("64", INT64),
}
LONGEST = 60


def findings_at(obj: Mapping[str, Any], schema: schemas.Schema, path: Path) -> Iterator[Finding]:
    """The findings for the value at ``path`` of ``obj``, which ``schema``, the object's, refuses."""
    value: Any = obj
    text = ""
    for step in path:
        schema = schemas.resolve(schema)
        text = step_text(text, step, in_map=type_of(schema) is FieldType.MAP)
        schema = schemas.child(schema, step) or schemas.EVERYTHING
        value = value[step]
    yield from findings_for(value, schema, text)


def findings_for(value: Any, schema: schemas.Schema, path: str) -> Iterator[Finding]:
    """The findings for one value that a resolved schema refuses, without those of its parts."""
    kind = type_of(schema)
    if kind is FieldType.OBJECT and isinstance(value, Mapping):
        for name in value:
            if name not in schema["properties"]:
                yield unknown_field(step_text(path, str(name)), str(name), schema)
        return
    fault = text_fault(value, kind, schema) if isinstance(value, str) else bounds_fault(value, kind)
    if fault is None:
        fault = f"Invalid value: {shown(value)}: must be {WANTED[kind]}"
    yield Finding(path, Reason.TYPE_INVALID, fault)


def unknown_field(path: str, name: str, schema: schemas.Schema) -> Finding:
    """The finding for a field the schema does not have."""
    meant = nearest(name, schema["properties"])
    return Finding(
        path, Reason.UNKNOWN_FIELD, "unknown field" + (f', did you mean "{meant}"?' if meant else "")
    )


def text_fault(value: str, kind: FieldType, schema: schemas.Schema) -> str | None:
    """What is wrong with a text where a text is allowed."""
    if kind is FieldType.QUANTITY:
        return f"Invalid value: {shown(value)}: {quantity_fault(value)}"
    if kind is FieldType.TIME and not is_time(value):
        return f"Invalid value: {shown(value)}: must be a time such as 2006-01-02T15:04:05Z (RFC 3339)"
    if schema.get("format") == "byte" and not is_base64(value):
        return f"Invalid value: {shown(value)}: must be base64"
    return None


def bounds_fault(value: Any, kind: FieldType) -> str | None:
    """What is wrong with an integer that does not fit."""
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if kind not in BOUNDS or isinstance(value, bool) or not is_whole:
        return None
    bits, limits = BOUNDS[kind]
    return (
        f"Invalid value: {shown(value)}: must fit in {bits} bits,"
        f" from {limits['minimum']} to {limits['maximum']}"
    )


def step_text(path: str, step: str | int, in_map: bool = False) -> str:
    """``path`` and one step more, in the server's form: ``a.b[0]``, and ``a.labels[key]`` in maps."""
    if in_map or isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if path else step


def shown(value: Any) -> str:
    """A value as JSON, short; of objects and lists only that they are some."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**LONGEST:
        return "a very large number"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= LONGEST else text[: LONGEST - 4] + '..."'
