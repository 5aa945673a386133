"""The wire format of proto2: tags, varints, and bytes after their length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
SMALL: Final = [bytes((each,)) for each in range(128)]

Value = int | bytes


def values(data: bytes) -> Iterator[tuple[int, Value]]:
    """The fields of a message as they come: number and value. ValueError for bytes that are no message."""
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, form = tag >> 3, tag & 7
        if form == VARINT:
            value, at = _read_varint(data, at)
            yield number, value
        elif form in (BYTES, FIXED64):
            size, at = _read_varint(data, at) if form == BYTES else (8, at)
            if at + size > len(data):
                raise ValueError("the body ends too early")
            yield number, data[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {form} is none that the API uses")


def packed(data: bytes) -> Iterator[int]:
    """Numbers one after another."""
    at = 0
    while at < len(data):
        value, at = _read_varint(data, at)
        yield value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
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


def varint(value: int) -> bytes:
    """A number; negative ones as 64 bits."""
    if 0 <= value < 128:
        return SMALL[value]
    value &= (1 << 64) - 1
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def tag(number: int, form: int) -> bytes:
    """What stands before the value of a field."""
    return varint(number << 3 | form)


def delimited(number: int, data: bytes) -> bytes:
    """A field that holds bytes."""
    return tag(number, BYTES) + varint(len(data)) + data


def signed(value: int) -> int:
    """A number of 64 bits that may be negative."""
    return value - (1 << 64) if value >= 1 << 63 else value


def as_number(value: Value) -> int:
    """A value that must be a number: ValueError otherwise."""
    if isinstance(value, int):
        return signed(value)
    raise ValueError("a number was expected")


def as_bytes(value: Value) -> bytes:
    """A value that must be bytes: ValueError otherwise."""
    if isinstance(value, bytes):
        return value
    raise ValueError("bytes were expected")
