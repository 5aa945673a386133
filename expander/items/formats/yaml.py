"""Items from YAML: the elements of a list, or one item per document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

from expander.base.errors import SourceLocation
from expander.items.formats.json import as_item_value
from expander.items.formats.text import read_some
from expander.items.item import Item


def read_yaml(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per element of a top-level list, or per document; scalars get the types kubectl gives.

    Raises YamlError where the text is not YAML that kubectl would accept, InputError for an item
    that is itself a list and when reading fails.
    """
    from expander.base.yaml import stream_sequence

    checked = cast(BinaryIO, _Checked(stream, source))
    for number, (value, line) in enumerate(stream_sequence(checked, source), 1):
        yield Item(as_item_value(value, SourceLocation(source, line), number), number, source, line)


class _Checked:
    """A stream to read whose failures are InputErrors."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source

    def read(self, size: int) -> bytes:
        return read_some(self._stream, self._source, size)
