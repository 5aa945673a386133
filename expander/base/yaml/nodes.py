"""The tree of one YAML document, with the place of every node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from expander.base.errors import SourceLocation


class _Placed:
    """A node that starts at ``line`` and ``column`` (from 1) of ``source``; ``tag`` if explicit."""

    __slots__ = ("column", "line", "source", "tag")
    tag: str | None
    source: str
    line: int
    column: int

    @property
    def position(self) -> SourceLocation:
        return SourceLocation(self.source, self.line, self.column)


class ScalarNode(_Placed):
    """A scalar: its ``text`` after unquoting; ``style`` is plain, single, double, literal or folded."""

    __slots__ = ("style", "text")

    def __init__(self, text: str, style: str, tag: str | None, source: str, line: int, column: int) -> None:
        self.text = text
        self.style = style
        self.tag = tag
        self.source = source
        self.line = line
        self.column = column


class SequenceNode(_Placed):
    """A list; ``flow`` is True for the form in brackets."""

    __slots__ = ("flow", "items")

    def __init__(self, flow: bool, tag: str | None, source: str, line: int, column: int) -> None:
        self.items: list[Node] = []
        self.flow = flow
        self.tag = tag
        self.source = source
        self.line = line
        self.column = column


class MappingNode(_Placed):
    """A mapping: ``pairs`` of key and value in order, merge keys resolved, no key twice."""

    __slots__ = ("flow", "pairs")

    def __init__(self, flow: bool, tag: str | None, source: str, line: int, column: int) -> None:
        self.pairs: list[tuple[ScalarNode, Node]] = []
        self.flow = flow
        self.tag = tag
        self.source = source
        self.line = line
        self.column = column


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


def node_at(node: Node, path: Sequence[str | int]) -> Node:
    """The field at ``path`` below ``node``. Raises KeyError when it is not there."""
    for part in path:
        if isinstance(node, MappingNode):
            node = {key.text: value for key, value in node.pairs}[str(part)]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            raise KeyError(part)
    return node


def locate(node: Node, path: Sequence[str | int]) -> SourceLocation:
    """The place of the field at ``path`` below ``node``, or of the nearest part of the path that is there."""
    place = node.position
    for part in path:
        if isinstance(node, MappingNode):
            pair = next((pair for pair in node.pairs if pair[0].text == str(part)), None)
            if pair is None:
                return place
            place, node = pair[0].position, pair[1]
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            place = node.position
        else:
            return place
    return place
