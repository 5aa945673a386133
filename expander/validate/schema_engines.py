"""Which parts of an object a schema refuses, by one of two libraries.

``jsonschema`` is the reference; ``jsonschema-rs`` is the same check a hundred times faster and is
used when it is installed. Both only say where an object fails; `schema_findings` says why.

The JSON Schema that accepts exactly what the API server can decode.

The shipped schemas say more (required fields, enums) and less (null, the range of integers) than the
decoder checks, so a schema for validation is derived from them: every value may be null, integers have
their bounds, texts their format, and nothing is required.

The texts Kubernetes decodes into something else than a string: quantities, times and bytes.

Go's decoders decide (apimachinery's Quantity and Time, encoding/base64). Each function takes any value
and accepts what is not text: its type is another check's business.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from expander.kube import schemas
from expander.kube.quantity import quantity
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


TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?"
    r"(?:Z|[+-]([0-9]{2}):([0-9]{2}))"
)
BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_quantity(value: Any) -> bool:
    """Whether a text is a quantity; the decoder ignores spaces around it."""
    return not isinstance(value, str) or quantity_fault(value) is None


def quantity_fault(text: str) -> str | None:
    """What apimachinery says about a text that is no quantity."""
    try:
        quantity(text.strip(" "))
    except ValueError as error:
        return str(error)
    return None


def is_time(value: Any) -> bool:
    """Whether a text is a time as Go reads RFC 3339: an hour may have one digit."""
    if not isinstance(value, str):
        return True
    found = TIME.fullmatch(value)
    if found is None:
        return False
    year, month, day, hour, minute, second, *zone = (int(part or 0) for part in found.groups())
    if not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59 or zone[0] > 24 or zone[1] > 60:
        return False
    is_short_february = month == 2 and (year % 4 != 0 or (year % 100 == 0 and year % 400 != 0))
    return 1 <= day <= (28 if is_short_february else DAYS[month - 1])


def is_base64(value: Any) -> bool:
    """Whether a text is base64 with its padding; line ends in it do not count."""
    return not isinstance(value, str) or bool(BASE64.fullmatch(value.replace("\n", "").replace("\r", "")))


FORMATS: dict[str, Callable[[Any], bool]] = {
    "kubernetes-quantity": is_quantity,
    "kubernetes-time": is_time,
    "kubernetes-bytes": is_base64,
}
"""The name a format has in a compiled schema, and its check."""


Path = tuple[str | int, ...]

AMBIGUOUS = re.compile(r"(?:\+[0-9]+|0[0-9]+)?")
"""Keys ``jsonschema-rs`` leaves out of a path (the empty one) or gives as another key's number (007)."""


class Engine(Protocol):
    """A schema ready for use."""

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        """The paths of the values that fail; an object fails when one of its fields is unknown."""
        ...


class Reference:
    """The check by ``jsonschema``."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from jsonschema import Draft202012Validator, FormatChecker

        formats = FormatChecker(formats=())
        for name, check in FORMATS.items():
            formats.checks(name)(check)
        self.validator = Draft202012Validator(dict(schema), format_checker=formats)

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        return {tuple(error.absolute_path) for error in self.validator.iter_errors(obj)}


class Accelerated:
    """The check by ``jsonschema-rs``; ImportError when it is not installed."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        import jsonschema_rs

        self.validator = jsonschema_rs.Draft202012Validator(
            dict(schema), formats=FORMATS, validate_formats=True
        )
        self.schema = schema

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        try:
            if self.validator.is_valid(obj):
                return set()
            paths = [error.instance_path for error in self.validator.iter_errors(obj)]
        except (ValueError, OverflowError):  # a value Rust cannot hold, or nesting beyond its limit
            return Reference(self.schema).failures(obj)
        if has_ambiguous_key(obj):
            return Reference(self.schema).failures(obj)
        return {true_path(obj, path) for path in paths}


def true_path(obj: Any, path: Sequence[str | int]) -> Path:
    """``path`` with the keys of maps as strings; ``jsonschema-rs`` gives the key "0" as the number 0."""
    steps: list[str | int] = []
    for step in path:
        steps.append(str(step) if isinstance(obj, Mapping) else step)
        obj = obj[steps[-1]]
    return tuple(steps)


def has_ambiguous_key(obj: Any) -> bool:
    """Whether a mapping anywhere in ``obj`` has a key the paths of ``jsonschema-rs`` do not tell apart."""
    pending = [obj]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if any(AMBIGUOUS.fullmatch(str(key)) for key in value):
                return True
            pending.extend(value.values())
        elif isinstance(value, list | tuple):
            pending.extend(value)
    return False


@cache
def engine(name: str) -> Engine:
    """The check for the definition of that name, accelerated where that is possible."""
    schema = decodable(name)
    try:
        return Accelerated(schema)
    except ImportError:
        return Reference(schema)
