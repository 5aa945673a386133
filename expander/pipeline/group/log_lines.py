"""Pieces of a log -> blocks of whole lines, so that lines of several logs can stand in one stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

LONGEST: Final = 1 << 20
"""Bytes of a line that are kept together; a longer one becomes several lines, so that memory has a bound."""


def blocks(pieces: Iterable[bytes], prefix: bytes = b"") -> Iterator[bytes]:
    """Whole lines as soon as they are there, each with ``prefix``; the last one gets a line end."""
    begun: list[bytes] = []
    size = 0
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1
        if cut:
            yield _marked(b"".join([*begun, piece[:cut]]), prefix)
            begun, size, piece = [], 0, piece[cut:]
        if piece:
            begun.append(piece)
            size += len(piece)
        if size > LONGEST:
            yield _marked(b"".join([*begun, b"\n"]), prefix)
            begun, size = [], 0
    if begun:
        yield _marked(b"".join([*begun, b"\n"]), prefix)


def _marked(lines: bytes, prefix: bytes) -> bytes:
    return prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if prefix else lines
