"""Reading an object as the API server's JSON decoder does.

Fields the kind does not have are dropped, and so are those whose feature is off in the release. null
leaves a field out, and is the zero value of its type in a list or a map. A number with no fraction is an
integer, a quantity becomes the text the server answers with (in resource lists rounded up to thousandths),
fields with a constant default get it, and structs that are not pointers in Go are always there. The plan
for a type is worked out once from its schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from expander.base.late_module import late_module
from expander.kube import schemas
from expander.kube.schemas import FieldType, type_of
from expander.kube.versions import Release
from expander.validate.defaults.disabled_fields import adjustments, dropped

if TYPE_CHECKING:
    from expander.kube import quantity as quantities
else:
    quantities = late_module("expander.kube.quantity")

Reader: TypeAlias = Callable[[Any], Any]
"""Makes the decoded value of one that is not null."""

ZERO: dict[FieldType, Any] = {
    FieldType.STRING: "",
    FieldType.INT32: 0,
    FieldType.INT64: 0,
    FieldType.INT_OR_STRING: 0,
    FieldType.NUMBER: 0,
    FieldType.BOOLEAN: False,
    FieldType.QUANTITY: "0",
    FieldType.LIST: [],
}
EMPTY_STRUCT: dict[str, Any] = {}


def decode(obj: Mapping[str, Any], api_version: str, kind: str, release: Release) -> dict[str, Any]:
    """A copy of ``obj`` in decoded form; values of the wrong type stay as they are.

    KeyError for a kind without a schema.
    """
    name = schemas.name_of(api_version, kind, release)
    if name is None:
        raise KeyError(kind)
    result: dict[str, Any] = reader(name, release)(obj)
    return result


def decode_status(status: Any, api_version: str, kind: str, release: Release) -> dict[str, Any]:
    """A status in decoded form, with the fields that are always there: those that Go writes if empty.

    That of a kind without a schema stays as it is.
    """
    schema = schemas.root(api_version, kind, release)
    if schema is None:
        return dict(status) if isinstance(status, Mapping) else {}
    found = decode({"status": status}, api_version, kind, release).get("status") or {}
    result: dict[str, Any] = _written(found, schemas.child(schema, "status") or {})
    return result


def _written(value: Any, schema: schemas.Schema) -> Any:
    """``value``, decoded, with the required fields of its structs."""
    if isinstance(value, list):
        return [_written(each, schemas.child(schema, 0) or {}) for each in value]
    if not isinstance(value, Mapping):
        return value
    made = {field: _written(each, schemas.child(schema, field) or {}) for field, each in value.items()}
    for field in schema.get("required", ()):
        below = schema["properties"][field]
        if field not in made and type_of(schemas.resolve(below)) is not FieldType.TIME:
            made[field] = zero(below)
    return made


@cache
def reader(name: str, release: Release) -> Reader:
    """The reader for the definition of that name."""
    return plan(schemas.definition(name), release)


def plan(schema: schemas.Schema, release: Release) -> Reader:
    """The reader for the type a schema describes."""
    reference = schema.get("$ref")
    if reference is not None:
        return reader(reference.removeprefix(schemas.REF), release)
    kind = type_of(schema)
    if kind is FieldType.OBJECT:
        return struct(schema, release)
    if kind is FieldType.LIST:
        return sequence(plan(schema["items"], release), zero(schema["items"]))
    if kind is FieldType.MAP:
        return table(schema["additionalProperties"], release)
    if kind in (FieldType.INT32, FieldType.INT64, FieldType.INT_OR_STRING):
        return whole
    return quantity_text if kind is FieldType.QUANTITY else same


def struct(schema: schemas.Schema, release: Release) -> Reader:
    """The reader for an object with fields of its own, but for those the release drops."""
    title = schema.get("title", "")
    gone, adjusts = dropped(title, release), adjustments(title, release)
    fields = {field: below for field, below in schema["properties"].items() if field not in gone}
    readers: dict[str, Reader] = {}  # made at first use: an object has few of all fields
    known = readers.get
    constants = [(field, below["default"]) for field, below in fields.items() if below.get("default")]
    always = [
        (field, empty if (empty := plan(below, release))(EMPTY_STRUCT) else dict)
        for field, below in fields.items()
        if below.get("default") == {}
    ]

    def reader_of(field: str) -> Reader | None:
        if field not in fields:
            return None
        return readers.setdefault(field, plan(fields[field], release))

    def read(value: Any) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):
            return value
        result = {}
        for field, below in value.items():
            if below is None:
                continue
            convert = known(field) or reader_of(field)
            if convert is same:
                result[field] = below
            elif convert is not None:
                result[field] = convert(below)
        for field, constant in constants:
            if result.get(field) in (None, ""):
                result[field] = constant
        for field, empty in always:
            if field not in result:
                result[field] = empty(EMPTY_STRUCT)
        for adjust in adjusts:
            adjust(result)
        return result

    return read


def sequence(read: Reader, empty: Any) -> Reader:
    """The reader for a list of what ``read`` reads."""

    def read_all(value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [read(empty if element is None else element) for element in value]

    return read_all


def table(values: schemas.Schema, release: Release) -> Reader:
    """The reader for a map; a map of quantities is a resource list."""
    below = schemas.resolve(values)
    read = resource_text if type_of(below) is FieldType.QUANTITY else plan(values, release)
    empty = zero(values)

    def read_all(value: Any) -> Any:
        if type(value) is not dict and not isinstance(value, Mapping):
            return value
        if read is same and None not in value.values():
            return {**value}
        return {key: read(empty if element is None else element) for key, element in value.items()}

    return read_all


def zero(schema: schemas.Schema) -> Any:
    """What null stands for in a list or map of this type."""
    return ZERO.get(type_of(schemas.resolve(schema)), EMPTY_STRUCT)


def same(value: Any) -> Any:
    """The reader for what is decoded as it is written."""
    return value


def whole(value: Any) -> Any:
    """The reader for integers: YAML's ``6.0`` and ``1e3`` are integers in JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def quantity_text(value: Any) -> Any:
    """The reader for quantities."""
    return in_server_form(value, to_thousandths=False)


def resource_text(value: Any) -> Any:
    """The reader for the quantities of a resource list."""
    return in_server_form(value, to_thousandths=True)


def in_server_form(value: Any, to_thousandths: bool) -> Any:
    """A quantity, given as text or number, as text; what is not a quantity stays as it is."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    try:
        found = quantities.quantity(value.strip(" ") if isinstance(value, str) else number_text(value))
    except ValueError:
        return value
    return str(found.rounded_up() if to_thousandths else found)


def number_text(value: int | float) -> str:
    """A JSON number as Go writes it."""
    if isinstance(value, float) and 1e-6 <= abs(value) < 1e21:
        from decimal import Decimal

        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return str(value)
