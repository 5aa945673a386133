"""Frames of SPDY/3.1, as far as port-forward uses them: streams, data, pings, ends.

A connection has no windows here, as in github.com/moby/spdystream, which is what Kubernetes speaks: whoever
reads slowly is waited for.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Final

from expander.base.named_tuple import NamedTuple

SYN_STREAM, SYN_REPLY, RST_STREAM, PING = 1, 2, 3, 6
DATA: Final = 0
"""Stands for the type of data frames, which have none."""
FIN: Final = 1
"""The flag of the last frame of a stream."""

VERSION: Final = 3
MAX_FRAME_BYTES: Final = 1024 * 1024
MAX_HEADER_BYTES: Final = 64 * 1024
"""The longest headers of a stream, unpacked."""

_NAMES: Final = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date etag "
    "expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since "
    "last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer "
    "retry-after server te trailer transfer-encoding upgrade user-agent vary via warning "
    "www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin"
)
_VALUES: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-"
    "Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 For"
    "bidden404 Not Found500 Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar "
    "Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/h"
    "tml,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript"
    ",publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">I", len(data)) + data


DICTIONARY: Final = b"".join(_text(name.replace("_", " ")) for name in _NAMES.split()) + _VALUES.encode()
"""What headers are packed with, by the specification (2.6.10.1); both sides know it."""


class SpdyError(Exception):
    """The other side does not speak SPDY/3.1, or too much of it."""


class Frame(NamedTuple):
    """One frame. ``stream`` is its stream, or the number of a ping; ``headers`` are those of a new stream."""

    type: int
    stream: int
    flags: int = 0
    data: bytes = b""
    headers: Mapping[str, str] | None = None


class Reader:
    """Cuts a stream of bytes into frames. Raises `SpdyError`."""

    def __init__(self) -> None:
        self._rest = b""
        self._unpacker = zlib.decompressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete now that ``data`` has arrived."""
        self._rest += data
        while len(self._rest) >= 8:
            first, second = struct.unpack_from(">II", self._rest)
            flags, length = second >> 24, second & 0xFFFFFF
            if length > MAX_FRAME_BYTES:
                raise SpdyError(f"a frame of {length} bytes")
            if len(self._rest) < 8 + length:
                return
            body, self._rest = self._rest[8 : 8 + length], self._rest[8 + length :]
            if not first >> 31:
                yield Frame(DATA, first, flags, body)
            elif (first >> 16) & 0x7FFF != VERSION:
                raise SpdyError("another version")
            else:
                yield self._control(first & 0xFFFF, flags, body)

    def _control(self, type_: int, flags: int, body: bytes) -> Frame:
        stream = struct.unpack_from(">I", body)[0] & 0x7FFFFFFF if len(body) >= 4 else 0
        if type_ == SYN_STREAM:
            return Frame(type_, stream, flags, headers=self._headers(body[10:]))
        return Frame(type_, stream, flags, body)

    def _headers(self, packed: bytes) -> dict[str, str]:
        try:
            data = self._unpacker.decompress(packed, MAX_HEADER_BYTES)
            if self._unpacker.unconsumed_tail:
                raise SpdyError("headers are too long")
            texts, at = [], 4
            for _ in range(2 * struct.unpack_from(">I", data)[0]):
                (length,) = struct.unpack_from(">I", data, at)
                texts.append(data[at + 4 : at + 4 + length].decode())
                at += 4 + length
        except (zlib.error, struct.error, UnicodeDecodeError) as error:
            raise SpdyError(f"headers cannot be read: {error}") from error
        return dict(zip(texts[::2], texts[1::2], strict=True))


class Writer:
    """Makes the bytes of frames, in the order they are sent."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int, headers: Mapping[str, str]) -> bytes:
        """A stream of the other side is accepted."""
        texts = b"".join(_text(name) + _text(value) for name, value in headers.items())
        block = self._packer.compress(struct.pack(">I", len(headers)) + texts)
        block += self._packer.flush(zlib.Z_SYNC_FLUSH)
        return _control(SYN_REPLY, struct.pack(">I", stream) + block)

    def reset(self, stream: int, status: int = 1) -> bytes:
        """A stream has ended at once; 1 is a protocol error."""
        return _control(RST_STREAM, struct.pack(">II", stream, status))

    def ping(self, number: int) -> bytes:
        """The answer to a ping."""
        return _control(PING, struct.pack(">I", number))

    def data(self, stream: int, data: bytes = b"", *, last: bool = False) -> bytes:
        """Data of a stream, at most 16 MiB."""
        return struct.pack(">II", stream, (FIN if last else 0) << 24 | len(data)) + data


def _control(type_: int, body: bytes) -> bytes:
    return struct.pack(">II", 1 << 31 | VERSION << 16 | type_, len(body)) + body
