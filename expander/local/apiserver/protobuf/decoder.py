"""Bytes to objects: what a message has and its type has not is refused rather than lost."""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from expander.local.apiserver.protobuf.encoder import MAGIC
from expander.local.apiserver.protobuf.wire import Value, as_bytes, as_number, packed, signed, values
from expander.local.store.encoding import decode as decode_json
from expander.validate.defaults.go_types import StructField, fields, message_of

MAX_DEPTH: Final = 64

_TYPE_META, _RAW = 1, 2
_EPOCH: Final = datetime(1970, 1, 1)


def decode(data: bytes) -> dict[str, Any]:
    """The object. Raises ValueError for bytes that are none, and for kinds and fields that are not known."""
    if not data.startswith(MAGIC):
        raise ValueError("the body does not begin as protobuf of the API does")
    envelope = dict(values(data[len(MAGIC) :]))
    names = {number: _text(value) for number, value in values(as_bytes(envelope.get(_TYPE_META, b"")))}
    api_version, kind = names.get(1, ""), names.get(2, "")
    message = message_of(api_version, kind)
    if not message:
        raise ValueError(f"objects of kind {kind!r} are not read as protobuf; send JSON")
    raw = as_bytes(envelope.get(_RAW, b""))
    return {"apiVersion": api_version, "kind": kind, **_message(raw, message, 0)}


def _message(data: bytes, message: str, depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise ValueError("the body is nested too deeply")
    known = _numbered(message)
    made: dict[str, Any] = {}
    for number, value in values(data):
        field = known.get(number)
        if field is None:
            name = message.rpartition(".")[2]
            raise ValueError(f"field {number} of {name} is not read as protobuf; send JSON")
        _put(made, field, value, depth)
    return made


@cache
def _numbered(message: str) -> dict[int, StructField]:
    return {field.number: field for field in fields(message)}


def _put(made: dict[str, Any], field: StructField, value: Value, depth: int) -> None:
    match field.mark:
        case "*" | "+" if field.type == "i" and isinstance(value, bytes):
            made.setdefault(field.name, []).extend(signed(each) for each in packed(value))
        case "*" | "+":
            made.setdefault(field.name, []).append(_read(field.type, value, depth))
        case "%":
            entry = dict(values(as_bytes(value)))
            key = _text(entry.get(1, b""))
            made.setdefault(field.name, {})[key] = _read(field.type, entry.get(2, b""), depth)
        case "^":
            made.update(_read(field.type, value, depth))
        case "|":
            types = _read(field.type, value, depth)
            made[field.name] = next(
                (types[each] for each in ("dict", "list") if each in types), "bool" in types
            )
        case mark:
            read = _read(field.type, value, depth)
            if read is not None and (mark or read not in ("", 0, False, {}, [])):
                made[field.name] = read


def _read(type: str, value: Value, depth: int) -> Any:
    if type in _READERS:
        return _READERS[type](value)
    return _message(as_bytes(value), type, depth + 1)


def _text(value: Value) -> str:
    return as_bytes(value).decode()


def _quantity(value: Value) -> str:
    return _text(dict(values(as_bytes(value))).get(1, b""))


def _int_or_string(value: Value) -> int | str:
    parts = dict(values(as_bytes(value)))
    return _text(parts.get(3, b"")) if parts.get(1) else as_number(parts.get(2, 0))


def _moment(value: Value) -> datetime | None:
    """The time of a Timestamp; None when it is not set."""
    parts = dict(values(as_bytes(value)))
    if 1 not in parts:
        return None
    micros = as_number(parts.get(2, 0)) // 1000
    try:
        return _EPOCH + timedelta(seconds=as_number(parts[1]), microseconds=micros)
    except OverflowError:
        raise ValueError("a time is before the year 1 or after 9999") from None


def _time(value: Value) -> str | None:
    moment = _moment(value)
    return None if moment is None else moment.isoformat(timespec="seconds") + "Z"


def _micro_time(value: Value) -> str | None:
    moment = _moment(value)
    return None if moment is None else moment.isoformat(timespec="microseconds") + "Z"


def _double(value: Value) -> float:
    data = as_bytes(value)
    number: float = struct.unpack("<d", data)[0] if len(data) == 8 else math.nan
    if not math.isfinite(number):
        raise ValueError("a number was expected")
    return int(number) if number.is_integer() else number


def _json(value: Value) -> Any:
    raw = dict(values(as_bytes(value))).get(1)
    return decode_json(as_bytes(raw)) if raw else None


_READERS: Final[Mapping[str, Callable[[Value], Any]]] = MappingProxyType(
    {
        "s": _text,
        "i": as_number,
        "b": lambda value: bool(as_number(value)),
        "y": lambda value: b64encode(as_bytes(value)).decode(),
        "q": _quantity,
        "n": _int_or_string,
        "t": _time,
        "u": _micro_time,
        "d": _double,
        "j": _json,
        "v": lambda value: [_text(each) for number, each in values(as_bytes(value)) if number == 1],
    }
)
