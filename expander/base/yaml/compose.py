"""From text to nodes: libyaml's events, with the limits and refusals of kubectl's reader.

Bounded against hostile text: nesting, document size, and the share of a document that aliases repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from expander.base.errors import InputError, YamlError
from expander.base.positions import Position
from expander.base.yaml.aliases import Aliases
from expander.base.yaml.construct import construct
from expander.base.yaml.mappings import pairs_of
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from expander.base.yaml.refusals import bad_escape, not_yaml

try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - a PyYAML built without libyaml
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

ACCELERATED = _Parser.__name__ == "CParser"
"""Whether libyaml does the scanning."""

DEEPEST = 200
"""Levels of nesting. No Kubernetes kind comes near; JSON writers stop a little further on."""

LARGEST = 8 << 20
"""Characters of one document. An API server refuses requests over 3 MiB."""

_STYLES = {None: "plain", "": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}


def compose(text: str, source: str, first_line: int = 1, duplicates: str = "error") -> Node | None:
    """The node tree of the first document in ``text``, None when there is none.

    ``source`` and ``first_line`` (the line of the source where ``text`` starts) go into positions.
    ``duplicates`` is ``error``, or ``last`` to let the last of equal keys win as kubectl does without a
    word. Raises YamlError where kubectl's reader would fail and beyond the limits of this one.
    """
    if len(text) > LARGEST:
        raise YamlError(
            f"the document has {len(text):,} characters; at most {LARGEST:,} are read",
            where=Position(source, first_line),
        )
    composer = Composer(text, source, first_line, duplicates)
    composer.unusual_escapes = "\\/" in text
    composer.text = text
    return composer.document()


def stream_sequence(stream: BinaryIO, source: str) -> Iterator[tuple[Any, int]]:
    """The elements of a top-level list one by one, or the documents that are not empty, with their lines.

    Reads the stream as it goes: memory is that of one element. Raises YamlError as `compose`.
    """
    composer = Composer(stream, source, 1, "error")
    while composer.start_document():
        event = composer.next()
        if not isinstance(event, SequenceStartEvent):
            node = composer.node(event)
            if not (
                isinstance(node, ScalarNode) and node.style == "plain" and not node.text and node.tag is None
            ):
                yield construct(node), node.line
        else:
            while not _ends(event := composer.next()):
                node = composer.node(event)
                yield construct(node), node.line
        composer.next()


def _ends(event: Any) -> bool:
    return type(event).__name__ == "SequenceEndEvent"


class Composer:
    """Nodes from the events of one text or stream."""

    def __init__(self, text: str | BinaryIO, source: str, first_line: int, duplicates: str) -> None:
        self.source = source
        self.first_line = first_line
        self.duplicates = duplicates
        self.text = ""
        self.unusual_escapes = False
        self.aliases = Aliases()
        self.parser: Any = self._guarded(lambda: _Parser(text))
        self.next()

    def next(self) -> Any:
        """The next event. Raises YamlError with the place where the text stops being YAML."""
        try:
            return self.parser.get_event()
        except yaml.YAMLError as error:
            raise not_yaml(error, self.source, self.first_line) from None

    def _guarded(self, make: Any) -> Any:
        try:
            return make()
        except UnicodeEncodeError as error:
            line = str(error.object).count("\n", 0, error.start) + self.first_line
            raise YamlError(
                "half of a surrogate pair is not a character", where=Position(self.source, line)
            ) from None
        except yaml.YAMLError as error:
            raise not_yaml(error, self.source, self.first_line) from None
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", where=Position(self.source)) from error

    def start_document(self) -> bool:
        """Go to the next document; False at the end."""
        event = self.next()
        if isinstance(event, StreamEndEvent):
            return False
        if event.version or event.tags:
            raise YamlError(
                "kubectl refuses directives (lines that begin with %)",
                where=Position(self.source, self.first_line + event.start_mark.line),
            )
        return True

    def document(self) -> Node | None:
        """The tree of the next document, None at the end of the text."""
        return self.node(self.next()) if self.start_document() else None

    def node(self, event: Any) -> Node:
        """The tree that starts with ``event``. Raises YamlError where the text stops being YAML."""
        try:
            return self._node(event)
        except yaml.YAMLError as error:
            raise not_yaml(error, self.source, self.first_line) from None

    def _node(self, event: Any) -> Node:
        """The same in a loop, so that depth costs no stack."""
        source, first_line = self.source, self.first_line
        next_event, aliases = self.parser.get_event, self.aliases
        open_nodes: list[tuple[Any, list[Any]]] = []
        children: list[Any] = []
        while True:
            kind = type(event)
            mark = event.start_mark
            node: Any
            if kind is ScalarEvent:
                style = _STYLES[event.style]
                tag = event.tag
                if tag == "!":
                    tag, style = None, "single" if style == "plain" else style
                node = ScalarNode(event.value, style, tag, source, first_line + mark.line, mark.column + 1)
                aliases.count += 1
                if self.unusual_escapes and style == "double":
                    bad_escape(self.text[mark.index : event.end_mark.index], node)
                if event.anchor is not None:
                    aliases.define(event.anchor, node, 1)
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                make = MappingNode if kind is MappingStartEvent else SequenceNode
                node = make(
                    bool(event.flow_style), event.tag, source, first_line + mark.line, mark.column + 1
                )
                open_nodes.append((node, children))
                children = []
                if len(open_nodes) > DEEPEST:
                    raise YamlError(f"nested deeper than {DEEPEST} levels", where=node.position)
                aliases.open(event.anchor, node)
                event = next_event()
                continue
            elif kind is AliasEvent:
                place = Position(source, first_line + mark.line, mark.column + 1)
                node = aliases.use(event.anchor, place)
            elif kind is DocumentEndEvent or kind is DocumentStartEvent:
                raise AssertionError("a document holds one node")
            else:
                node, outer = open_nodes.pop()
                if type(node) is MappingNode:
                    node.pairs = pairs_of(children, self.duplicates)
                else:
                    node.items = children
                children = outer
                aliases.close(node)
            if not open_nodes:
                return node  # type: ignore[no-any-return]
            children.append(node)
            event = next_event()
