"""Ways to read items that several tests use."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO, RawIOBase
from itertools import pairwise
from typing import Any, BinaryIO, cast

import pytest

from expander.base.errors import ExpanderError
from expander.items.item import Item
from expander.items.load import ItemSpec, items


class Pieces(RawIOBase):
    """A stream whose reads give these pieces (an empty one is left out); ``reads`` counts them."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.reads = 0

    def read(self, size: int = -1) -> bytes:
        self.reads += 1
        return next((piece for piece in self._pieces if piece), b"")


def pieces(*parts: bytes) -> BinaryIO:
    return cast(BinaryIO, Pieces(parts))


def cut(data: bytes, places: Iterable[int]) -> BinaryIO:
    """A stream of ``data`` whose reads end at these places."""
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return pieces(*(data[start:end] for start, end in pairwise(ends)))


def read(*sources: str, stdin: bytes | BinaryIO | None = None, **spec: Any) -> list[Item]:
    stream = BytesIO(stdin) if isinstance(stdin, bytes) else stdin
    return list(items(ItemSpec(sources=sources, **spec), stdin=stream))


def values(*sources: str, stdin: bytes | BinaryIO | None = None, **spec: Any) -> list[Any]:
    return [item.value for item in read(*sources, stdin=stdin, **spec)]


def places(*sources: str, stdin: bytes) -> list[tuple[Any, int]]:
    """Values and lines."""
    return [(item.value, item.line) for item in read(*sources, stdin=stdin)]


def refused(*sources: str, stdin: bytes | BinaryIO | None = None, **spec: Any) -> ExpanderError:
    """The error that reading these sources gives."""
    with pytest.raises(ExpanderError) as caught:
        read(*sources, stdin=stdin, **spec)
    return caught.value
