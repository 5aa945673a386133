"""The tar in a layer's file, decompressed while it is read, with both digests and a bound.

The stream goes forward only, however a damaged header would have it.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from typing import Final

from expander.local.images.archive import ArchiveError, Layer
from expander.local.images.source import Readable, most_bytes
from expander.local.images.zstd import ZstdStream

CHUNK: Final = 1 << 18
MAX_READ: Final = 1 << 20
"""Bytes read at once at most: a header of a tar that says to be longer is none."""
MAX_DIGITS: Final = 1_000
"""Digits behind each other in a header: `tarfile` searches those in quadratic time."""
_BLOCK: Final = 512
_TO_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)

_ZSTD: Final = (b"\x28\xb5\x2f\xfd", *(b"%c\x2a\x4d\x18" % first for first in range(0x50, 0x60)))
"""How a frame of zstd begins, and one that is passed over (RFC 8878)."""
_COMPRESSED: Final = {b"\xfd7zX": "xz", b"BZh": "bzip2"}


class Allowance:
    """How many bytes the layers of one image may still unpack to."""

    def __init__(self) -> None:
        self._read = self._made = 0

    def read(self, count: int) -> None:
        """So many bytes of layers were read."""
        self._read += count

    def made(self, count: int) -> None:
        """They were so many when unpacked. Raises ArchiveError beyond the bound."""
        self._made += count
        if self._made > most_bytes(self._read):
            raise ArchiveError(f"the image unpacks to more than {self._made >> 20:,} MiB: refused")


class LayerStream:
    """The tar of a layer, as a file that `tarfile` reads. Raises ArchiveError for what is not right."""

    def __init__(self, layer: Layer, file: Readable, allowance: Allowance) -> None:
        self._layer, self._file, self._allowance = layer, file, allowance
        self._packed_hash = None if layer.digest is None else hashlib.new(layer.digest.partition(":")[0])
        self._hash = hashlib.new(_algorithm(layer.diff_id))
        self._buffer, self._at, self._position = b"", 0, 0
        self._header = b""
        self._packed = self._read_file()
        for magic, name in _COMPRESSED.items():
            if self._packed.startswith(magic):
                hint = "save it with gzip, as docker and podman do by default"
                raise ArchiveError(f"it is compressed with {name}, which cannot be read ({hint})")
        self._gzip = zlib.decompressobj(31) if self._packed.startswith(b"\x1f\x8b") else None
        zstd = self._packed.startswith(_ZSTD)
        self._zstd = ZstdStream(self._packed, self._read_file) if zstd else None

    def close(self) -> None:
        """Read no more."""
        if self._zstd is not None:
            self._zstd.close()

    def tell(self) -> int:
        """Bytes of the tar that were read."""
        return self._position

    @property
    def ended_well(self) -> bool:
        """Whether the last header read is one that ends a tar: zeros, or nothing."""
        return not self._header.strip(b"\0")

    def read(self, size: int) -> bytes:
        """The next ``size`` bytes; fewer at the end."""
        if not 0 <= size <= MAX_READ:
            raise ArchiveError(f"it is damaged: a header of {size:,} bytes")
        parts, left = [], size
        while left and (part := self.some(left)):
            parts.append(part)
            left -= len(part)
        self._header = parts[0] if len(parts) == 1 else b"".join(parts)
        if size > _BLOCK and b"0" * MAX_DIGITS in self._header.translate(_TO_ZEROS):
            raise ArchiveError(f"it is damaged: a header with {MAX_DIGITS:,} digits behind each other")
        return self._header

    def some(self, most: int) -> bytes:
        """At least one byte and at most ``most``; nothing at the end."""
        if self._at == len(self._buffer):
            self._buffer, self._at = self._unpacked(), 0
        data = (
            self._buffer[self._at : self._at + most] if self._at or most < len(self._buffer) else self._buffer
        )
        self._at += len(data)
        self._position += len(data)
        return data

    def seek(self, position: int) -> None:
        """Go on to ``position``, which is not behind."""
        left = position - self._position
        if left < 0:
            raise ArchiveError("it is damaged: an entry of negative size")
        while left and (part := self.some(left)):
            left -= len(part)

    def finish(self) -> None:
        """Read the rest, and compare the digests."""
        while self.some(CHUNK):
            pass
        while packed := self._read_file():  # behind the compressed data
            del packed
        for found, expected in ((self._packed_hash, self._layer.digest), (self._hash, self._layer.diff_id)):
            if found is not None and expected is not None and f"{found.name}:{found.hexdigest()}" != expected:
                raise ArchiveError(f"it is damaged: its digest is not {expected}")

    def _read_file(self) -> bytes:
        data = self._file.read(CHUNK)
        self._allowance.read(len(data))
        if self._packed_hash is not None:
            self._packed_hash.update(data)
        return data

    def _unpacked(self) -> bytes:
        """The next bytes of the tar; none at the end."""
        data = b""
        while not data:
            if self._zstd is not None:
                if not (data := self._zstd.read(CHUNK)):
                    return b""
            elif self._gzip is None:
                data, self._packed = self._packed, b""
                if not data and not (data := self._read_file()):
                    return b""
            else:
                data = self._inflate()
                if not data and self._gzip.eof and not self._packed:
                    return b""
        self._hash.update(data)
        self._allowance.made(len(data))
        return data

    def _inflate(self) -> bytes:
        assert self._gzip is not None
        if self._gzip.eof and self._packed:
            self._gzip = zlib.decompressobj(31)  # another member
        self._packed = self._packed or self._read_file()
        try:
            data = self._gzip.decompress(self._packed, CHUNK)
        except zlib.error as error:
            raise ArchiveError(f"it is damaged: {error}") from error
        if not data and not self._packed and not self._gzip.eof:
            raise ArchiveError("it is cut short")
        self._packed = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
        if self._gzip.eof and not self._packed:
            self._packed = self._read_file()
        return data


def _algorithm(digest: str) -> str:
    name = digest.partition(":")[0]
    if name not in ("sha256", "sha512"):
        raise ArchiveError(f"its digest {digest!r} is not sha256:HEX")
    return name


def copy(stream: LayerStream, size: int, descriptor: int) -> None:
    """Write the next ``size`` bytes to an open file. Raises OSError; ArchiveError when they are missing."""
    while size:
        data = stream.some(size)
        if not data:
            raise ArchiveError("it is cut short")
        size -= len(data)
        while data:
            data = data[os.write(descriptor, data) :]
