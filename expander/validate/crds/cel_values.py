"""Custom resources as values of CEL, by their schema (``cel/common/values.go`` of apiserver)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any, Final

from expander.kube.gofmt import type_name
from expander.validate.cel.functions.times import parse_timestamp
from expander.validate.cel.values import CelError, Convert, Duration, TypedList, TypedMap
from expander.validate.crds.correlation import equal
from expander.validate.crds.string_formats import is_date, is_date_time, nanoseconds
from expander.validate.crds.structural import Node, structural


class Opaque:
    """Data that no schema describes; all that can be asked is whether it is equal."""

    __slots__ = ("raw",)

    def __init__(self, raw: Any) -> None:
        self.raw = raw

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and equal(self.raw, other.raw)

    __hash__ = None  # type: ignore[assignment]


def converter(node: Node) -> Convert:
    """The function from JSON data of ``node`` to a value; CelError for what the schema does not allow."""
    convert = _converter(node)
    if not node.nullable:
        return convert
    return lambda value: None if value is None else convert(value)


def _misfit(value: Any, words: str) -> CelError:
    """The error for a value that its schema does not allow."""
    return CelError("invalid data, got null for schema with nullable=false" if value is None else words)


def _converter(node: Node) -> Convert:
    if node.int_or_string:
        return _int_or_string
    if node.type == "object":
        return _object(node)
    if node.type == "array":
        return _list(node)
    if node.type == "string":
        return _TEXTS.get(node.format, _text)
    if node.type in _SCALARS:
        return _SCALARS[node.type]
    return _opaque if node.preserves else _untyped


def _object(node: Node) -> Convert:
    fields: Mapping[str, Convert] | None = None
    other = None if node.additional is None else _later(node.additional)

    def convert(value: Any) -> TypedMap:
        nonlocal fields
        if type(value) is not dict:
            raise _misfit(value, "invalid data, expected a map for the provided schema with type=object")
        if fields is None:
            fields = {name: converter(below) for name, below in _properties(node).items()}
        return TypedMap(value, fields, other)

    return convert


def _properties(node: Node) -> Mapping[str, Node]:
    return {**node.properties, **_RESOURCE.properties} if node.is_resource else node.properties


def _later(node: Node) -> Convert:
    """The converter of ``node``, made when it is first used."""
    made: Convert | None = None

    def convert(value: Any) -> Any:
        nonlocal made
        if made is None:
            made = converter(node)
        return made(value)

    return convert


def _list(node: Node) -> Convert:
    items = None if node.items is None else _later(node.items)

    def convert(value: Any) -> TypedList:
        if type(value) is not list:
            raise _misfit(value, "invalid data, expected an array for the provided schema with type=array")
        if items is None:
            raise CelError("invalid array type, expected Items with a non-empty Schema")
        return TypedList(value, items, node.list_type, node.map_keys)

    return convert


def _expected(kind: type, name: str) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is not kind:
            raise _misfit(value, f"invalid data, expected {name}, got {type_name(value)}")
        return value

    return convert


def _double(value: Any) -> float:
    if type(value) not in (int, float):
        raise _misfit(value, f"invalid data, expected float, got {type_name(value)}")
    return float(value)


def _int_or_string(value: Any) -> int | str:
    if type(value) is int or type(value) is str:
        return value
    raise _misfit(value, "invalid data, expected XIntOrString value to be either a string or integer")


def _opaque(value: Any) -> Opaque:
    if value is None:
        raise _misfit(value, "")
    return Opaque(value)


def _untyped(value: Any) -> Any:
    words = (
        "invalid type, expected object, array, number, integer, boolean or string, or no type with "
        "x-kubernetes-int-or-string or x-kubernetes-preserve-unknown-fields is true, got "
    )
    raise _misfit(value, words)


def _parsed(name: str, parse: Callable[[str], Any]) -> Convert:
    def convert(value: Any) -> Any:
        try:
            return parse(_text(value))
        except ValueError as error:
            raise CelError(f"Invalid {name} {value}: {error}") from None

    return convert


def _date(text: str) -> Any:
    if not is_date(text):
        raise ValueError("not a date")
    return parse_timestamp(f"{text}T00:00:00Z")


def _date_time(text: str) -> Any:
    if not is_date_time(text):
        raise ValueError("not a date and time")
    return parse_timestamp(text)


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(error) from None


_text: Final = _expected(str, "string")
_SCALARS: Final[Mapping[str, Convert]] = {
    "boolean": _expected(bool, "bool"),
    "integer": _expected(int, "int"),
    "number": _double,
}
_TEXTS: Final[Mapping[str, Convert]] = {
    "byte": _parsed("byte formatted string", _bytes),
    "date": _parsed("date formatted string", _date),
    "date-time": _parsed("date-time formatted string", _date_time),
    "duration": _parsed("duration", lambda text: Duration(nanoseconds(text))),
}
_TEXT: Final = {"type": "string"}
_RESOURCE: Final = structural(
    {
        "type": "object",
        "properties": {
            "apiVersion": _TEXT,
            "kind": _TEXT,
            "metadata": {"type": "object", "properties": {"name": _TEXT, "generateName": _TEXT}},
        },
    },
    is_root=False,
)
"""What rules see of every resource."""
