"""Items from YAML: the elements of a list, or one item per document.

A plain scalar has the type that kubectl gives it, or is refused where that would change its text: ``NO``
would arrive as ``false``, ``012`` as ``10``. Manifests are read as kubectl reads them; items are data, often
of people who never meant a boolean.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, cast

from expander.base.errors import InputError, SourceLocation
from expander.base.written_numbers import NUMBER, integer, real
from expander.base.yaml import MappingNode, Node, ScalarNode, construct, stream_sequence
from expander.base.yaml.scalars import key_text, resolve
from expander.items.formats.json import as_item_value
from expander.items.formats.text import MAX_RECORD_BYTES, read_some, too_long
from expander.items.item import Item, Value

_WORDS = {"true": True, "false": False}


def read_yaml(stream: BinaryIO, source: str) -> Iterator[Item]:
    """One item per element of a top-level list, or per document; scalars get the types kubectl gives.

    Integers of any size are exact. Raises YamlError where the text is not YAML that kubectl would accept,
    InputError for a plain scalar or column name whose text YAML would change, for an item that is itself a
    list or longer than `MAX_RECORD_BYTES`, and when reading fails.
    """
    checked = _Checked(stream, source)
    for number, node in enumerate(stream_sequence(cast(BinaryIO, checked), source), 1):
        try:
            value = item_value(node, "")
        except InputError as error:
            raise type(error)(replace(error.problems[0], item=f"item {number}")) from None
        where = SourceLocation(source, node.line)
        yield Item(as_item_value(value, where, number), number, source, node.line)
        checked.next_item(node.line)


def item_value(node: Node, field: str) -> Value:
    """The value of ``node``, which is ``field`` of its item (empty for all of it).

    Raises InputError for a plain scalar or column name whose text YAML would change.
    """
    if isinstance(node, ScalarNode):
        if node.tag is not None:  # the type was asked for
            return cast(Value, construct(node))
        return _plain(node, field) if node.style == "plain" else node.text
    if isinstance(node, MappingNode):
        above = f"{field}." if field else ""
        return {_name(key, field): item_value(part, above + key.text) for key, part in node.pairs}
    return [item_value(part, f"{field}[{place}]") for place, part in enumerate(node.items)]


def _plain(node: ScalarNode, field: str) -> Value:
    text = node.text
    if text in _WORDS:
        return _WORDS[text]
    value = resolve(text)
    if NUMBER.fullmatch(text):
        try:
            return integer(text) if text.lstrip("-").isdecimal() else value if value == text else real(text)
        except ValueError:
            raise InputError(
                "a number has too many digits", where=node.position, field=field or None
            ) from None
    if value is None or isinstance(value, str):
        return value
    value = construct(node)  # refuses what has no JSON
    meant = "true" if value is True else "false" if value is False else str(value)
    raise InputError(
        f"found {text}, which YAML reads as {meant}",
        where=node.position,
        field=field or None,
        hint=f'write "{text}" to keep the text, or {meant}',
    )


def _name(key: ScalarNode, field: str) -> str:
    """The name of a column, or of a part of one."""
    name = key_text(key)
    if key.tag is None and key.style == "plain" and name != key.text:
        raise InputError(
            f"found the name {key.text}, which YAML reads as {name}",
            where=key.position,
            field=field or None,
            hint=f'write "{key.text}" to keep the text, or {name}',
        )
    return name


class _Checked:
    """A stream to read whose failures are InputErrors, and that ends in an item that is too long."""

    def __init__(self, stream: BinaryIO, source: str) -> None:
        self._stream = stream
        self._source = source
        self._held = 0
        self._line = 1

    def next_item(self, line: int) -> None:
        """The item that began in ``line`` has been read."""
        self._held = 0
        self._line = line

    def read(self, size: int) -> bytes:
        chunk = read_some(self._stream, self._source, size)
        self._held += len(chunk)
        if self._held > MAX_RECORD_BYTES:
            raise too_long(self._source, self._line)
        return chunk
