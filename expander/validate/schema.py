"""The first layer of validation: can the API server decode the object?

It decodes strictly (``fieldValidation=Strict``, what kubectl asks for): a value of the wrong type, a
field that does not exist, a text that is not a quantity, time or base64, or an integer out of range ends
the request with 400 before any rule of the kind is looked at. What a kind requires and which values a
field allows is the rules' business.

Why a part of an object cannot be decoded, as findings.

The words are our own where the API server names a Go type, since a user wrote YAML.

Which schema an object is to be held against.

The API server's scheme decides which apiVersions and kinds exist; custom resources add groups of their
own, whose names always hold a dot (apiextensions validation).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from expander.base.errors import suggest
from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of
from expander.kube.versions import DEFAULT, Release
from expander.validate.finding import Finding, Reason
from expander.validate.schema_engines import INT32, INT64, Path, engine, is_base64, is_time, quantity_fault

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
MAX_VALUE_CHARS = 60


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
        fault = f"Invalid value: {shown(value)}: must be {WANTED[kind]}{_quoting(value, kind)}"
    yield Finding(path, Reason.TYPE_INVALID, fault)


def _quoting(value: Any, kind: FieldType) -> str:
    """What makes text of a value that YAML took for something else."""
    if kind is not FieldType.STRING or not isinstance(value, bool | int | float):
        return ""
    if isinstance(value, bool):
        return f": quote it, YAML reads {'y, yes and on' if value else 'n, no and off'} as {shown(value)}"
    return ": quote it"


def unknown_field(path: str, name: str, schema: schemas.Schema) -> Finding:
    """The finding for a field the schema does not have."""
    meant = suggest(name, schema["properties"])
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
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**MAX_VALUE_CHARS:
        return "a very large number"
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= MAX_VALUE_CHARS else text[: MAX_VALUE_CHARS - 4] + '..."'


def identify(
    obj: Mapping[str, Any], release: Release, assume: tuple[str, str] | None
) -> tuple[str, str] | list[Finding]:
    """apiVersion and kind of ``obj``, from ``assume`` where it has none; or why it can have no schema."""
    wrong = [
        Finding(field, Reason.TYPE_INVALID, "must be a string")
        for field in ("apiVersion", "kind")
        if not isinstance(obj.get(field), str | None)
    ]
    if wrong:
        return wrong
    api_version, kind = obj.get("apiVersion") or "", obj.get("kind") or ""
    if assume is not None:
        api_version, kind = api_version or assume[0], kind or assume[1]
    missing = [
        Finding(field, Reason.REQUIRED, "Required value")
        for field, value in (("apiVersion", api_version), ("kind", kind))
        if not value
    ]
    return missing or unregistered(api_version, kind, schemas.kinds(release)) or (api_version, kind)


def unregistered(api_version: str, kind: str, known: schemas.Kinds) -> list[Finding]:
    """A finding when no API server has such a kind, custom resources or not."""
    if kind in known.get(api_version, ()) or is_custom(api_version, known):
        return []
    homes = [name for name in known if kind in known[name]]
    meant: str | None
    if homes:
        field, meant = "apiVersion", suggest(api_version, homes) or homes[0]
    elif api_version in known:
        field, meant = "kind", suggest(kind, known[api_version])
    else:
        near = suggest(api_version, known)
        field, meant = "apiVersion", near if near and suggest(kind, known[near]) else None
    message = f'no kind "{kind}" is registered for version "{api_version}"'
    hint = f', did you mean "{meant}"?' if meant else ""
    return [Finding(field, Reason.NOT_SUPPORTED, message + hint)]


def is_custom(api_version: str, known: schemas.Kinds) -> bool:
    """Whether an apiVersion can be one of custom resources: its group has a dot and is not built in."""
    group, slash, short = api_version.partition("/")
    built_in = any(name.startswith(f"{group}/") for name in known)
    return bool(slash and short) and "/" not in short and "." in group and not built_in


def check_schema(
    obj: Any, release: Release = DEFAULT, *, assume: tuple[str, str] | None = None
) -> list[Finding] | None:
    """What keeps the API server from decoding ``obj``, in the order of the object; None without a schema.

    ``obj`` is JSON data: mappings with string keys, lists, strings, finite numbers, booleans, None.
    ``assume`` is the apiVersion and kind of an object that has none, as the server takes them from the URL;
    without it a missing one is a finding. None means the kind may exist, as a custom resource or a built-in
    kind that no schema is shipped for.
    """
    if not isinstance(obj, Mapping):
        return [Finding("", Reason.TYPE_INVALID, "must be an object")]
    identity = identify(obj, release, assume)
    if isinstance(identity, list):
        return identity
    api_version, kind = identity
    name = schemas.name_of(api_version, kind, release)
    if name is None:
        return None
    failures = engine(name).failures(obj)
    if not failures:
        return []
    schema = schemas.definition(name)
    return [
        finding
        for path in sorted(failures, key=lambda path: place(obj, path))
        for finding in findings_at(obj, schema, path)
    ]


def place(obj: Any, path: Path) -> list[int]:
    """Where the value at ``path`` stands in ``obj``: the number of each step among its neighbours."""
    numbers = []
    for step in path:
        numbers.append(step if isinstance(step, int) else list(obj).index(step))
        obj = obj[step]
    return numbers
