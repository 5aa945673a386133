"""Objects in the API's protobuf form, which kubectl uses for some of its requests, as plain data.

An object is the four bytes ``k8s\\0``, then an ``Unknown`` message that names its kind and holds it. What a
message has and `protobuf_fields` has not is refused rather than lost.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from expander.local.api.server.protobuf_fields import Field, fields

MAGIC: Final = b"k8s\0"
DEEPEST: Final = 64

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TYPE_META, _RAW = 1, 2

Value = int | bytes


def decode(data: bytes) -> dict[str, Any]:
    """The object. Raises ValueError for bytes that are none, and for kinds and fields that are not known."""
    if not data.startswith(MAGIC):
        raise ValueError("the body does not begin as protobuf of the API does")
    envelope = dict(_values(data[len(MAGIC) :]))
    names = {number: _text(value) for number, value in _values(_bytes(envelope.get(_TYPE_META, b"")))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    try:
        fields(kind)
    except KeyError:
        raise ValueError(f"objects of kind {kind!r} are not read as protobuf; send JSON") from None
    return {"apiVersion": api_version, "kind": kind, **_message(_bytes(envelope.get(_RAW, b"")), kind, 0)}


def _message(data: bytes, message: str, depth: int) -> dict[str, Any]:
    if depth > DEEPEST:
        raise ValueError("the body is nested too deeply")
    known = fields(message)
    made: dict[str, Any] = {}
    for number, value in _values(data):
        field = known.get(number)
        if field is None:
            raise ValueError(f"field {number} of {message} is not read as protobuf; send JSON")
        if field.type != "-":
            _put(made, field, value, depth)
    return made


def _put(made: dict[str, Any], field: Field, value: Value, depth: int) -> None:
    match field.mark:
        case "*" if field.type in ("i", "I") and isinstance(value, bytes):
            made.setdefault(field.name, []).extend(_signed(each) for each in _packed(value))
        case "*":
            made.setdefault(field.name, []).append(_read(field.type, value, depth))
        case "%":
            entry = dict(_values(_bytes(value)))
            key = _text(entry.get(1, b""))
            made.setdefault(field.name, {})[key] = _read(field.type, entry.get(2, b""), depth)
        case "^":
            made.update(_message(_bytes(value), field.type, depth + 1))
        case "?":
            made[field.name] = _read(field.type, value, depth)
        case _:
            read = _read(field.type, value, depth)
            if field.type in ("i", "b") or read not in ("", 0, False, {}, None):
                made[field.name] = read


def _read(type: str, value: Value, depth: int) -> Any:
    match type:
        case "s":
            return _text(value)
        case "i" | "I":
            return _signed(_number(value))
        case "b" | "B":
            return bool(_number(value))
        case "y":
            return b64encode(_bytes(value)).decode()
        case "q":
            return _text(dict(_values(_bytes(value))).get(1, b""))
        case "n":
            parts = dict(_values(_bytes(value)))
            return _text(parts.get(3, b"")) if parts.get(1) else _signed(_number(parts.get(2, 0)))
        case "t":
            seconds = dict(_values(_bytes(value))).get(1)
            if seconds is None:
                return None
            return datetime.fromtimestamp(_signed(_number(seconds)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return _message(_bytes(value), type, depth + 1)


def _values(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message as they come: number and value."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, form = tag >> 3, tag & 7
        if form == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif form == _BYTES:
            size, at = _varint(data, at)
            if at + size > len(data):
                raise ValueError("the body ends too early")
            yield number, data[at : at + size]
            at += size
        elif form in (_FIXED64, _FIXED32):
            at += 8 if form == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {form} is not one of proto2")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("the body ends too early")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _packed(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _number(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise ValueError("a number was expected")


def _bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    raise ValueError("bytes were expected")


def _text(value: Value) -> str:
    return _bytes(value).decode()
