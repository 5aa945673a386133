"""What type the field at a path of a Kubernetes object has.

A path is the steps from the object down: names of fields and keys of maps as strings, places in
lists as integers. Field types are those of the Go type the API server decodes into.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import lru_cache

from expander.manifests import schemas


class FieldType(Enum):
    """The type a field wants."""

    STRING = "string"
    INT32 = "int32"
    INT64 = "int64"
    NUMBER = "number"
    BOOLEAN = "boolean"
    INT_OR_STRING = "integer or string"
    QUANTITY = "quantity"
    TIME = "time"
    OBJECT = "object"
    """Fields with names of their own."""
    LIST = "list"
    MAP = "map"
    """Keys chosen by the user, values of one type."""
    ANY = "any"
    """Nothing is known about the value."""
    MISSING = "missing"
    """The kind has no such field."""


BY_FORMAT = {
    "quantity": FieldType.QUANTITY,
    "int-or-string": FieldType.INT_OR_STRING,
    "date-time": FieldType.TIME,
    "int32": FieldType.INT32,
    "int64": FieldType.INT64,
}
BY_TYPE = {
    "string": FieldType.STRING,
    "integer": FieldType.INT64,
    "number": FieldType.NUMBER,
    "boolean": FieldType.BOOLEAN,
    "array": FieldType.LIST,
}


def field_type(
    api_version: str, kind: str, path: Sequence[str | int], version: str | None = None
) -> FieldType:
    """The type of the field at ``path``; `FieldType.MISSING` when objects of that kind have none there.

    A kind without a schema is ANY everywhere but in what every Kubernetes object has: ``apiVersion``,
    ``kind`` and the fields of ``metadata``. ``version`` is a Kubernetes version, by default the newest;
    UsageError when there are no schemas for it.
    """
    found = field_schema(api_version, kind, path, version)
    return FieldType.MISSING if found is None else type_of(found)


def field_names(
    api_version: str, kind: str, path: Sequence[str | int], version: str | None = None
) -> tuple[str, ...]:
    """The names of the fields the object at ``path`` can have, sorted; empty when that is not known."""
    found = field_schema(api_version, kind, path, version)
    return tuple(found.get("properties", ())) if found else ()


def list_type(
    api_version: str, kind: str, path: Sequence[str | int], version: str | None = None
) -> str | None:
    """How server-side apply merges the list at ``path``: ``atomic``, ``set`` or ``map``; None if unsaid."""
    found = field_schema(api_version, kind, path, version)
    return found.get("x-kubernetes-list-type") if found else None


def list_map_keys(
    api_version: str, kind: str, path: Sequence[str | int], version: str | None = None
) -> tuple[str, ...]:
    """The fields that tell the elements of the ``map`` list at ``path`` apart; empty for other fields."""
    found = field_schema(api_version, kind, path, version)
    return tuple(found.get("x-kubernetes-list-map-keys", ())) if found else ()


def field_schema(
    api_version: str, kind: str, path: Sequence[str | int], version: str | None = None
) -> schemas.Schema | None:
    """The schema at ``path`` with its ``$ref`` followed, or None when there is no such field."""
    return schema_at(api_version, kind, tuple([0 if type(step) is int else step for step in path]), version)


@lru_cache(maxsize=8192)
def schema_at(
    api_version: str, kind: str, path: tuple[str | int, ...], version: str | None
) -> schemas.Schema | None:
    """`field_schema` for a path whose places in lists are all 0."""
    found: schemas.Schema | None = schemas.root(api_version, kind, version)
    if found is None:
        if not path or path[0] not in ("apiVersion", "kind", "metadata"):
            return schemas.EVERYTHING
        found = schemas.root("batch/v1", "Job", version)
    for step in path:
        if found is None:
            return None
        found = schemas.child(found, step)
    return found


def type_of(schema: schemas.Schema) -> FieldType:
    """The type a resolved schema describes."""
    by_format = BY_FORMAT.get(schema.get("format", ""))
    if by_format is not None:
        return by_format
    name = schema.get("type")
    if name == "object":
        if "properties" in schema:
            return FieldType.OBJECT
        return FieldType.MAP if "additionalProperties" in schema else FieldType.ANY
    return FieldType.ANY if name is None else BY_TYPE[name]
