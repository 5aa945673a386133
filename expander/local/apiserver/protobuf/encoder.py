"""Objects to bytes."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final

from expander.local.apiserver.protobuf.wire import BYTES, FIXED64, SMALL, VARINT, delimited, tag, varint
from expander.local.store.encoding import encode as encode_json
from expander.validate.defaults.go_types import StructField, fields, message_of

MAGIC: Final = b"k8s\0"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_CONTENT_TYPE: Final = delimited(3, b"") + delimited(4, b"")

Writer = Callable[[Any], bytes]


def encode(obj: Mapping[str, Any]) -> bytes:
    """An object with its envelope. Raises KeyError when its kind has no message."""
    api_version, kind = obj.get("apiVersion", ""), obj["kind"]
    message = message_of(api_version, kind)
    if not message:
        raise KeyError(f"{api_version} {kind} has no protobuf message")
    names = delimited(1, api_version.encode()) + delimited(2, kind.encode())
    return MAGIC + delimited(1, names) + delimited(2, _message(obj, message)) + _NO_CONTENT_TYPE


def frame(type: str, obj: Mapping[str, Any]) -> bytes:
    """An event of a watch: the length of a WatchEvent in four bytes, and the event, which has no envelope."""
    event = delimited(1, type.encode()) + delimited(2, delimited(1, encode(obj)))
    return len(event).to_bytes(4) + event


def _message(obj: Mapping[str, Any], message: str) -> bytes:
    writers = _writers(message)
    parts = [writers[name](value) for name, value in obj.items() if value is not None and name in writers]
    if "" in writers:  # a message whose fields are here
        parts.append(writers[""](obj))
    return b"".join(parts)


@cache
def _writers(message: str) -> dict[str, Writer]:
    """How each field is written, by its JSON name."""
    return {field.name: _writer(field) for field in fields(message)}


def _writer(field: StructField) -> Writer:
    match field.mark:
        case "*" | "+":
            one = _value_writer(field.number, field.type)
            return lambda value: b"".join(map(one, value))
        case "%":
            of_value, start = _value_writer(2, field.type), tag(field.number, BYTES)

            def entries(value: Mapping[str, Any]) -> Iterable[bytes]:
                for key in sorted(value):
                    entry = delimited(1, key.encode()) + of_value(value[key])
                    yield start + varint(len(entry)) + entry

            return lambda value: b"".join(entries(value))
        case "|":
            write = _value_writer(field.number, field.type)
            return lambda value: write({type(value).__name__: value, "bool": value is not False})
    return _value_writer(field.number, field.type)


def _value_writer(number: int, type: str) -> Writer:
    """How a single value is written, with its tag."""
    if type in ("i", "b"):
        head = tag(number, VARINT)
        return lambda value: head + varint(int(value))
    if type == "d":
        head = tag(number, FIXED64)
        return lambda value: head + struct.pack("<d", value)
    head = tag(number, BYTES)
    to_bytes: Writer = _BYTE_WRITERS.get(type) or (lambda value: _message(value, type))

    def write(value: Any) -> bytes:
        data = to_bytes(value)
        size = len(data)
        return head + (SMALL[size] if size < 128 else varint(size)) + data

    return write


def _int_or_string(value: int | str) -> bytes:
    if isinstance(value, str):
        return tag(1, VARINT) + varint(1) + tag(2, VARINT) + varint(0) + delimited(3, value.encode())
    return tag(1, VARINT) + varint(0) + tag(2, VARINT) + varint(value) + delimited(3, b"")


@lru_cache
def _timestamp(value: str) -> bytes:
    since = datetime.fromisoformat(value) - _EPOCH
    seconds, nanos = since.days * 86400 + since.seconds, since.microseconds * 1000
    return tag(1, VARINT) + varint(seconds) + tag(2, VARINT) + varint(nanos)


_BYTE_WRITERS: Final[Mapping[str, Writer]] = MappingProxyType(
    {
        "s": str.encode,
        "y": b64decode,
        "q": lambda value: delimited(1, str(value).encode()),
        "n": _int_or_string,
        "t": _timestamp,
        "u": _timestamp,
        "j": lambda value: delimited(1, encode_json(value)),
        "v": lambda value: b"".join(delimited(1, each.encode()) for each in value),
    }
)
