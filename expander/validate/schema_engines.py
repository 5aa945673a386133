"""Which parts of an object the API server cannot decode.

The shipped schemas say more (required fields, enums) and less (null, the range of integers) than the decoder
checks: here every value may be null, integers have their bounds, texts their format, and nothing is required.
The first objects are checked in Python. A kind of which more come is checked by ``jsonschema-rs`` where it is
installed, by a JSON Schema that accepts the same: it is much faster, and its start costs as much as `FIRST`
objects. Both only say where an object fails; `expander.validate.schema` says why.

Go's decoders decide about texts that become something else (apimachinery's Quantity and Time,
encoding/base64). Each function takes any value and accepts what is not text: its type is another check's
business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

from expander.base.late_module import late_module
from expander.base.regex import regex
from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of

if TYPE_CHECKING:
    from expander.kube import quantity as quantities
else:
    quantities = late_module("expander.kube.quantity")

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


def decodable(name: str) -> dict[str, Any]:
    """The schema for objects of the definition of that name, with all it refers to in ``$defs``."""
    found: dict[str, Any] = {}
    pending = [name]
    while pending:
        current = pending.pop()
        if current not in found:
            found[current] = translate(schemas.definition(current), pending)
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


TIME = regex(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?"
    r"(?:Z|[+-]([0-9]{2}):([0-9]{2}))"
)
BASE64 = regex(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def is_quantity(value: Any) -> bool:
    """Whether a text is a quantity; the decoder ignores spaces around it."""
    return not isinstance(value, str) or quantity_fault(value) is None


def quantity_fault(text: str) -> str | None:
    """What is wrong with a text that is not a quantity."""
    return quantities.fault(text.strip(" "))


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

FIRST = 200
"""So many objects of a kind are checked in Python."""

AMBIGUOUS = regex(r"(?:\+[0-9]+|0[0-9]+)?")
"""Keys ``jsonschema-rs`` leaves out of a path (the empty one) or gives as another key's number (007)."""


def failures(obj: Mapping[str, Any], name: str) -> set[Path]:
    """The paths of the values of ``obj`` that the definition of that name refuses.

    An object fails when one of its fields is unknown; parts of a value of the wrong type are not looked at.
    """
    found: set[Path] = set()
    pending: list[tuple[Path, Any, schemas.Schema]] = [((), obj, schemas.definition(name))]
    while pending:
        path, value, schema = pending.pop()
        if value is None:
            continue
        schema = schemas.resolve(schema)
        kind = type_of(schema)
        below = _parts(value, schema, kind)
        if below is None:
            if not _is_scalar(value, kind) or (schema.get("format") == "byte" and not is_base64(value)):
                found.add(path)
            continue
        for step, part, of_part in below:
            if of_part is None:
                found.add(path)
            else:
                pending.append(((*path, step), part, of_part))
    return found


Part = tuple[str | int, Any, "schemas.Schema | None"]


def _parts(value: Any, schema: schemas.Schema, kind: FieldType) -> Iterable[Part] | None:
    """The parts of a value with their schemas, None for an unknown field; None when it should have none."""
    if kind is FieldType.OBJECT and isinstance(value, dict):
        return [(step, part, schema["properties"].get(step)) for step, part in value.items()]
    if kind is FieldType.MAP and isinstance(value, dict):
        return [(step, part, schema["additionalProperties"]) for step, part in value.items()]
    if kind is FieldType.LIST and isinstance(value, list):
        return [(step, part, schema["items"]) for step, part in enumerate(value)]
    return None


def _is_scalar(value: Any, kind: FieldType) -> bool:
    """Whether a value is one that a field of that type holds."""
    if kind is FieldType.ANY:
        return True
    if isinstance(value, bool):
        return kind is FieldType.BOOLEAN
    if isinstance(value, str):
        check = _TEXTS.get(kind)
        return check is not None and check(value)
    if not isinstance(value, int | float):
        return False
    if kind in (FieldType.NUMBER, FieldType.QUANTITY):
        return True
    limits = INT64 if kind is FieldType.INT64 else INT32
    is_integer = kind in (FieldType.INT32, FieldType.INT64, FieldType.INT_OR_STRING)
    return is_integer and value % 1 == 0 and limits["minimum"] <= value <= limits["maximum"]


_TEXTS: dict[FieldType, Callable[[Any], bool]] = {
    FieldType.STRING: lambda _: True,
    FieldType.INT_OR_STRING: lambda _: True,
    FieldType.QUANTITY: is_quantity,
    FieldType.TIME: is_time,
}
"""The types that a text can have, and which texts."""


class Accelerated:
    """The check by ``jsonschema-rs``; ImportError when it is not installed."""

    def __init__(self, name: str) -> None:
        import jsonschema_rs

        self.validator = jsonschema_rs.Draft202012Validator(
            decodable(name), formats=FORMATS, validate_formats=True
        )
        self.name = name

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        try:
            if self.validator.is_valid(obj):
                return set()
            paths = [error.instance_path for error in self.validator.iter_errors(obj)]
        except (ValueError, OverflowError):  # a value Rust cannot hold, or nesting beyond its limit
            return failures(obj, self.name)
        if has_ambiguous_key(obj):
            return failures(obj, self.name)
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


class Engine:
    """The check for the definition of one name, accelerated when that pays and is possible."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.checked = 0
        self.accelerated: Accelerated | None = None

    def failures(self, obj: Mapping[str, Any]) -> set[Path]:
        """The paths of the values of ``obj`` that fail."""
        if self.accelerated is not None:
            return self.accelerated.failures(obj)
        self.checked += 1
        if self.checked == FIRST:
            with suppress(ImportError):
                self.accelerated = Accelerated(self.name)
        return failures(obj, self.name)


@cache
def engine(name: str) -> Engine:
    """The check for the definition of that name."""
    return Engine(name)
