"""Streams of documents, cut and read as kubectl cuts and reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from expander.base.errors import SourceLocation, YamlError
from expander.base.named_tuple import NamedTuple
from expander.base.regex import regex
from expander.base.yaml.nodes import Node, locate, node_at
from expander.base.yaml.reader import compose
from expander.base.yaml.scalars import construct, number

EXTENSIONS: Final = (".yaml", ".yml", ".json", ".jsonl", ".ndjson")
"""How names of files with documents end, as manifests are in a folder; kubectl reads the first three."""

_SEPARATOR = regex(r"^---([^\n]*)(?:\n|\Z)", re.MULTILINE)
_HALF = regex(r"\\u[dD][89a-fA-F]")
_SURROGATE = regex("[\ud800-\udfff]")
_SPACE = regex(r"\s*")


class Chunk(NamedTuple):
    """The text of one document, without separators, and the line of the source where it starts."""

    text: str
    line: int


class Document:
    """One document: plain ``data``, and where it came from.

    ``index`` counts documents from 0, ``line`` is where its text starts.
    """

    __slots__ = ("_node", "_read", "data", "index", "line", "source", "text")

    def __init__(self, data: Any, source: str, line: int, index: int, text: str, node: Node | None) -> None:
        self.data = data
        self.source = source
        self.line = line
        self.index = index
        self.text = text
        self._node = node

    def position(self, path: tuple[str | int, ...] = ()) -> SourceLocation:
        """The place of the field at ``path``, or of the nearest part of the path that is there."""
        if not path and self._node is None:
            return SourceLocation(self.source, self.line)
        return locate(self._root(), path)

    def node(self, path: tuple[str | int, ...]) -> Node:
        """The node of the field at ``path``, which must be there."""
        return node_at(self._root(), path)

    def _root(self) -> Node:
        if self._node is None:
            self._node = compose(self.text, self.source, self.line, "last")
        assert self._node is not None
        return self._node


def split_documents(text: str, source: str, first_line: int = 1) -> Iterator[Chunk]:
    """The documents of a stream, empty ones included; ``first_line`` is the line where ``text`` starts.

    A line that begins with ``---`` separates, wherever it stands (even inside quotes); only spaces and a
    comment may follow. Raises YamlError otherwise, as kubectl does. JSON objects on lines of their own
    are documents too.
    """
    start, line = 0, first_line
    if text.startswith("\ufeff"):
        start = 1
    for match in _SEPARATOR.finditer(text, start):
        chunk = text[start : match.start()]
        here = line + chunk.count("\n")
        rest = match[1].strip()
        if rest and not rest.startswith("#"):
            raise YamlError(
                f"the separator --- is followed by {rest[:40]!r}; only a comment may stand there",
                where=SourceLocation(source, here, 4),
            )
        yield from _json_lines(chunk, line)
        start, line = match.end(), here + 1
    yield from _json_lines(text[start:] if start else text, line)


def _json_lines(chunk: str, line: int) -> Iterator[Chunk]:
    """A chunk, or each JSON object in it that begins a line behind the end of another."""
    start = 0
    if chunk.lstrip()[:1] == "{":
        while (end := chunk.find("}\n{", start) + 1) > 0:
            yield Chunk(chunk[start:end], line)
            line += chunk.count("\n", start, end + 1)
            start = end + 1
    if start < len(chunk):
        yield Chunk(chunk[start:], line)


def load_documents(data: str | bytes, source: str, duplicates: str = "error") -> Iterator[Document]:
    """The documents of a stream that are not empty, in order: YAML, JSON, JSON Lines or a mixture.

    ``duplicates`` is ``error``, or ``last`` to let the last of equal keys win as kubectl does. Raises
    YamlError for what kubectl would refuse (see `compose`).
    """
    text = decode(data, source) if isinstance(data, bytes) else data
    index = 0
    for chunk in split_documents(text, source):
        for document in read_chunk(chunk, source, duplicates):
            document.index = index
            index += 1
            yield document


def read_chunk(chunk: Chunk, source: str, duplicates: str = "error") -> list[Document]:
    """The documents in one chunk of a stream: none when it is empty, several when it is JSON Lines.

    The arguments and errors are those of `load_documents`; ``index`` is 0.
    """
    documents = _json(chunk, source, duplicates) if chunk.text.lstrip()[:1] == "{" else None
    if documents is None:
        documents = _yaml(chunk, source, duplicates)
    return [document for document in documents if document.data is not None]


def decode(data: bytes, source: str) -> str:
    """UTF-8 text. Raises YamlError that names the line where it is not."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        where = SourceLocation(source, data.count(b"\n", 0, error.start) + 1)
        hint = "this looks like UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else None
        raise YamlError(f"byte 0x{data[error.start]:02x} is not UTF-8 text", where=where, hint=hint) from None


def _yaml(chunk: Chunk, source: str, duplicates: str) -> list[Document]:
    node = compose(chunk.text, source, chunk.line, duplicates)
    return [] if node is None else [Document(construct(node), source, chunk.line, 0, chunk.text, node)]


def _json(chunk: Chunk, source: str, duplicates: str) -> list[Document] | None:
    """The JSON documents of a chunk; None when it is not JSON, as a flow mapping of YAML is not."""
    decoder = _decoder(duplicates)
    text, at, documents = chunk.text, 0, []
    try:
        while (at := _SPACE.match(text, at).end()) < len(text):  # type: ignore[union-attr]
            data, end = decoder.raw_decode(text, at)
            if _HALF.search(text, at, end):
                data = _whole(data)
            line = chunk.line + text.count("\n", 0, at)
            documents.append(Document(data, source, line, 0, text[at:end], None))
            at = end
    except (ValueError, RecursionError):
        return None
    return documents


def _whole(data: Any) -> Any:
    """``data`` with halves of surrogate pairs replaced, as Go's JSON reader does."""
    if isinstance(data, str):
        return _SURROGATE.sub("\ufffd", data)
    if isinstance(data, dict):
        return {_whole(key): _whole(value) for key, value in data.items()}
    return [_whole(item) for item in data] if isinstance(data, list) else data


@cache
def _decoder(duplicates: str) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=_unique if duplicates == "error" else None,
        parse_float=lambda text: number(float(text)),
        parse_int=_integer,
        parse_constant=_no_constant,
    )


def _integer(text: str) -> int | float:
    value = int(text) if len(text) < 400 else 1 << 64
    return value if -(1 << 63) <= value < 1 << 63 else number(float(text))


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        raise ValueError("a field is set twice")  # the YAML reader then says which and where
    return data
