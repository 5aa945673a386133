"""The schemas of Kubernetes objects: which kinds a release knows, and the types of their fields.

A schema is a JSON Schema as it is on disk: a mapping that may hold ``$ref`` to a definition, whose name is
a hash of its content. The files leave null out, since Kubernetes reads null as absent, and state in
``required`` and ``enum`` what the API server checks only after decoding. A path is the steps from the
object down: names of fields and keys of maps as strings, places in lists as integers. Field types are those
of the Go type the API server decodes into.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache, lru_cache
from typing import Any, TypeAlias

from expander.base.data_files import data
from expander.kube.versions import DEFAULT, Release

Schema: TypeAlias = Mapping[str, Any]
Kinds: TypeAlias = Mapping[str, Mapping[str, "str | None"]]

REF = "#/$defs/"
_NAME = slice(2, 14)
"""Where in its line the name of a definition stands: {"0123456789ab": ...}."""
EVERYTHING: Schema = {}
"""The schema of a value nothing is known about."""


@cache
def kinds(release: Release = DEFAULT) -> Kinds:
    """apiVersion -> kind -> name of its definition, or None for a built-in kind without a schema."""
    known: Kinds = read(f"v{release.described}.json")
    return known


@cache
def custom() -> Mapping[str, Any]:
    """The kinds of other projects by Kubernetes release (``kinds``), and their definitions (``$defs``)."""
    found: Mapping[str, Any] = read("custom.json")
    return found


@cache
def _lines() -> Mapping[str, bytes]:
    """The definitions of Kubernetes by name, as lines that are not read yet: few of them are ever used."""
    lines = data("schemas", "definitions.jsonl").splitlines()
    return {line[_NAME].decode(): line for line in lines}


@cache
def definition(name: str) -> Schema:
    """A definition of any release, or of another project's kind, by its name. KeyError when there is none."""
    line = _lines().get(name)
    found: Schema = custom()["$defs"][name] if line is None else json.loads(line)[name]
    return found


def definition_names() -> frozenset[str]:
    """The names of all definitions."""
    return frozenset((*_lines(), *custom()["$defs"]))


def name_of(api_version: str, kind: str, release: Release = DEFAULT) -> str | None:
    """The name of the definition of a kind, built in or of another project; None when there is none."""
    known = kinds(release)
    if api_version in known:
        return known[api_version].get(kind)
    name: str | None = custom()["kinds"][str(release.described)].get(api_version, {}).get(kind)
    return name


@cache
def root(api_version: str, kind: str, release: Release = DEFAULT) -> Schema | None:
    """The schema of a kind, or None when there is none."""
    name = name_of(api_version, kind, release)
    return None if name is None else definition(name)


def object_meta(release: Release = DEFAULT) -> Schema:
    """The reference to the schema of every object's metadata."""
    found: Schema = (root("v1", "Pod", release) or {})["properties"]["metadata"]
    return found


def resolve(schema: Schema) -> Schema:
    """``schema``, or what its ``$ref`` stands for."""
    reference = schema.get("$ref")
    return schema if reference is None else definition(reference.removeprefix(REF))


def child(schema: Schema, step: str | int) -> Schema | None:
    """The schema of one field, map value or list element of a resolved schema, resolved.

    `EVERYTHING` below a value nothing is known about; None when there can be no such child.
    """
    below: Schema | None = None
    if not schema.get("type") and "properties" not in schema:
        return EVERYTHING
    if isinstance(step, int):
        below = schema.get("items")
    elif "properties" in schema:
        below = schema["properties"].get(step)
    elif schema.get("type") == "object":
        below = schema.get("additionalProperties", EVERYTHING)
    return None if below is None else resolve(below)


def read(file: str) -> Any:
    """What a JSON file of the schemas holds; importing orjson for it would cost more than it saves."""
    return json.loads(data("schemas", file))


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
    api_version: str, kind: str, path: Sequence[str | int], release: Release = DEFAULT
) -> FieldType:
    """The type of the field at ``path``; `FieldType.MISSING` when objects of that kind have none there.

    A kind without a schema is ANY everywhere but in what every Kubernetes object has: ``apiVersion``,
    ``kind`` and the fields of ``metadata``.
    """
    found = field_schema(api_version, kind, path, release)
    return FieldType.MISSING if found is None else type_of(found)


def field_names(
    api_version: str, kind: str, path: Sequence[str | int], release: Release = DEFAULT
) -> tuple[str, ...]:
    """The names of the fields the object at ``path`` can have, sorted; empty when that is not known."""
    found = field_schema(api_version, kind, path, release)
    return tuple(found.get("properties", ())) if found else ()


def field_schema(
    api_version: str, kind: str, path: Sequence[str | int], release: Release = DEFAULT
) -> Schema | None:
    """The schema at ``path`` with its ``$ref`` followed, or None when there is no such field."""
    return schema_at(api_version, kind, tuple([0 if type(step) is int else step for step in path]), release)


@lru_cache(maxsize=8192)
def schema_at(api_version: str, kind: str, path: tuple[str | int, ...], release: Release) -> Schema | None:
    """`field_schema` for a path whose places in lists are all 0."""
    found: Schema | None = root(api_version, kind, release)
    if found is None:
        if not path or path[0] not in ("apiVersion", "kind", "metadata"):
            return EVERYTHING
        found = root("batch/v1", "Job", release)
    for step in path:
        if found is None:
            return None
        found = child(found, step)
    return found


def type_of(schema: Schema) -> FieldType:
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
