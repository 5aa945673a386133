"""From YAML text to nodes: libyaml's events, with the limits and refusals of kubectl's reader.

Anchors, merge keys and equal keys are resolved here. Hostile text is bounded: nesting, document size, and the
share of a document that aliases repeat.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from expander.base.errors import InputError, SourceLocation, YamlError
from expander.base.regex import lazy_patterns, regex
from expander.base.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from expander.base.yaml.scalars import PREFIX, key_text

with lazy_patterns():  # those of its scanner and loaders took a tenth of a start
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

_FEW, _MANY = 400_000, 4_000_000


class Aliases:
    """Nodes by anchor, and how many nodes the document has when every alias is written out.

    ``count`` are all nodes so far, repeated ones included.
    """

    def __init__(self) -> None:
        self.count = 0
        self.repeated = 0
        self._nodes: dict[str, tuple[Node, int | None]] = {}
        self._open: list[tuple[str | None, int]] = []

    def define(self, anchor: str, node: Node, size: int) -> None:
        """Name a complete node of ``size`` nodes; a name may be given again."""
        self._nodes[anchor] = (node, size)

    def open(self, anchor: str | None, node: Node) -> None:
        """A list or mapping begins."""
        self._open.append((anchor, self.count))
        self.count += 1
        if anchor is not None:
            self._nodes[anchor] = (node, None)

    def close(self, node: Node) -> None:
        """The list or mapping opened last ends."""
        anchor, before = self._open.pop()
        if anchor is not None and self._nodes[anchor][0] is node:
            self._nodes[anchor] = (node, self.count - before)

    def use(self, anchor: str, where: SourceLocation) -> Node:
        """The node that ``*anchor`` stands for.

        Raises YamlError for an unknown anchor, an anchor inside its own value, and a document that
        aliases blow up (the limits are those of kubectl's reader).
        """
        if anchor not in self._nodes:
            raise YamlError(f"undefined anchor &{anchor}", where=where)
        node, size = self._nodes[anchor]
        if size is None:
            raise YamlError(f"anchor &{anchor} contains itself", where=where)
        self.count += 1 + size
        self.repeated += size
        if self.repeated > 100 and self.count > 1000 and self.repeated > self._allowed() * self.count:
            raise YamlError("aliases expand to too much of the document", where=where)
        return node

    def _allowed(self) -> float:
        if self.count <= _FEW:
            return 0.99
        return max(0.10, 0.99 - 0.89 * (self.count - _FEW) / (_MANY - _FEW))


def pairs_of(children: list[Node], duplicates: str) -> list[tuple[ScalarNode, Node]]:
    """The pairs of a mapping from its keys and values in turn.

    Raises YamlError for a key that cannot be one, ``<<`` with something that is not a mapping, and, when
    ``duplicates`` is ``error``, for two equal keys (it names both places). A field may replace what a
    merge before it brought.
    """
    pairs: dict[str, tuple[ScalarNode, Node]] = {}
    merged: set[str] = set()
    for key, value in zip(children[::2], children[1::2], strict=True):
        if type(key) is ScalarNode and key.style != "plain" and key.tag is None:
            text = key.text
        elif _merges(key):
            for name, pair in _merge(value).items():
                if name in pairs and name not in merged and duplicates == "error":
                    raise _twice(
                        name, pairs[name][0], key, "a merge after a field replaces it; write << first"
                    )
                merged.add(name)
                pairs[name] = pair
            continue
        else:
            text = key_text(key)
        assert isinstance(key, ScalarNode)
        if text in pairs and text not in merged and duplicates == "error":
            hint = "kubectl silently keeps the last one"
            raise _twice(text, pairs[text][0], key, hint)
        merged.discard(text)
        pairs[text] = (key, value)
    return list(pairs.values())


def _twice(name: str, first: Node, second: Node, hint: str) -> YamlError:
    line = first.position.line
    return YamlError(
        f"duplicate field {name!r}, already set in line {line}", where=second.position, hint=hint
    )


def _merges(key: Node) -> bool:
    if type(key) is not ScalarNode or key.text != "<<":
        return False
    return key.tag == f"{PREFIX}merge" or (key.tag is None and key.style == "plain")


def _merge(value: Node) -> dict[str, tuple[ScalarNode, Node]]:
    sources = reversed(value.items) if isinstance(value, SequenceNode) else [value]
    pairs: dict[str, tuple[ScalarNode, Node]] = {}
    for source in sources:
        if not isinstance(source, MappingNode):
            raise YamlError("<< takes a mapping or a list of mappings", where=source.position)
        pairs.update((key_text(key), (key, value)) for key, value in source.pairs)
    return pairs


_HINTS = {
    "mapping values are not allowed": 'a value that contains ": " needs quotes',
    "cannot start any token": "indent with spaces; a value that begins with @, ` or % needs quotes",
    "control characters are not allowed": 'write it as an escape in double quotes, such as "\\x07"',
    "special characters are not allowed": 'write it as an escape in double quotes, such as "\\x07"',
    "found unexpected end of stream": "a quote is not closed; a line --- ends a document even inside quotes",
    "expected ',' or": "close each bracket, and quote values such as ${ITEM.x} inside brackets",
    "did not find expected key": "look at the quotes and the indentation of the lines before",
    "could not find expected ':'": "look at the quotes and the indentation of the lines before",
    "did not find expected <document start>": "documents are separated by a line ---",
    "block sequence entries are not allowed": 'a value that begins with "- " needs quotes',
}
_ESCAPES = regex(r"\\.", re.DOTALL)


def not_yaml(error: Any, source: str, first_line: int) -> YamlError:
    """The error for text that libyaml or PyYAML's own parser refuses."""
    mark = getattr(error, "problem_mark", None)
    if mark is not None:
        message = str(error.problem)
        if error.context and not error.context.startswith("while scanning for"):
            message += f" {error.context}"
        where = SourceLocation(source, first_line + mark.line, mark.column + 1)
        if "maximum nesting depth" in message:  # a parser's own limit, met while it looked ahead
            return YamlError(f"nested deeper than {MAX_DEPTH} levels", where=where)
    else:
        message = str(getattr(error, "reason", None) or error)
        where = SourceLocation(source, first_line)
    hint = next((hint for words, hint in _HINTS.items() if words in message), None)
    return YamlError(f"not valid YAML: {message}", where=where, hint=hint)


def bad_escape(raw: str, node: ScalarNode) -> None:
    r"""Raise YamlError for ``\/`` in a double-quoted scalar: libyaml knows it, kubectl does not."""
    if "\\/" in _ESCAPES.findall(raw):
        raise YamlError(
            "not valid YAML: \\/ is no escape that kubectl knows", where=node.position, hint="write /"
        )


try:
    from yaml.cyaml import CParser as _Parser  # type: ignore[attr-defined]
except ImportError:  # pragma: no cover - a PyYAML built without libyaml
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

ACCELERATED = _Parser.__name__ == "CParser"
"""Whether libyaml does the scanning."""

MAX_DEPTH = 200
"""Levels of nesting. No Kubernetes kind comes near; JSON writers stop a little further on."""

MAX_DOCUMENT_CHARS = 8 << 20
"""Characters of one document. An API server refuses requests over 3 MiB."""

_STYLES = {None: "plain", "": "plain", "'": "single", '"': "double", "|": "literal", ">": "folded"}


def compose(text: str, source: str, first_line: int = 1, duplicates: str = "error") -> Node | None:
    """The node tree of the first document in ``text``, None when there is none.

    ``source`` and ``first_line`` (the line of the source where ``text`` starts) go into positions.
    ``duplicates`` is ``error``, or ``last`` to let the last of equal keys win as kubectl does without a
    word. Raises YamlError where kubectl's reader would fail and beyond the limits of this one.
    """
    if len(text) > MAX_DOCUMENT_CHARS:
        raise YamlError(
            f"the document has {len(text):,} characters; at most {MAX_DOCUMENT_CHARS:,} are read",
            where=SourceLocation(source, first_line),
        )
    if _BRACE.match(text) and _JSON_ONLY.search(text) and _is_json(text):
        text = _STRING.sub(_escaped_for_yaml, text)
    composer = Composer(text, source, first_line, duplicates)
    composer.unusual_escapes = "\\/" in text
    composer.text = text
    return composer.document()


_BRACE = regex(r"\s*\{")
_JSON_ONLY = regex(r"\\(?:/|u[dD][89a-fA-F])")
_STRING = regex(r'"(?:[^"\\]|\\.)*"')
_ESCAPE = regex(r"\\(?:u([dD][89abAB]..)\\u([dD][c-fC-F]..)|(u[dD][89a-fA-F]..)|.)")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _escaped_for_yaml(match: re.Match[str]) -> str:
    """A string of JSON as one of YAML in as many columns: spaces follow it where it became shorter."""
    return _ESCAPE.sub(_yaml_escape, match[0]).ljust(len(match[0]))


def _yaml_escape(match: re.Match[str]) -> str:
    r"""YAML has no ``\/`` for kubectl, and no surrogates; Go's JSON reader replaces half a pair."""
    if match[1]:
        high, low = int(match[1], 16) - 0xD800, int(match[2], 16) - 0xDC00
        return f"\\U{0x10000 + (high << 10) + low:08X}"
    if match[3]:
        return "\\ufffd"
    return "/" if match[0] == "\\/" else match[0]


def stream_sequence(stream: BinaryIO, source: str) -> Iterator[Node]:
    """The elements of a top-level list one by one, or the documents that are not empty.

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
                yield node
        else:
            while not _ends(event := composer.next()):
                yield composer.node(event)
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
                "a lone surrogate is not a character", where=SourceLocation(self.source, line)
            ) from None
        except yaml.YAMLError as error:
            raise not_yaml(error, self.source, self.first_line) from None
        except OSError as error:
            raise InputError(
                f"cannot be read: {error.strerror}", where=SourceLocation(self.source)
            ) from error

    def start_document(self) -> bool:
        """Go to the next document; False at the end."""
        event = self.next()
        if isinstance(event, StreamEndEvent):
            return False
        if event.version or event.tags:
            raise YamlError(
                "kubectl rejects directives (lines that start with %)",
                where=SourceLocation(self.source, self.first_line + event.start_mark.line),
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
                if len(open_nodes) > MAX_DEPTH:
                    raise YamlError(f"nested deeper than {MAX_DEPTH} levels", where=node.position)
                aliases.open(event.anchor, node)
                event = next_event()
                continue
            elif kind is AliasEvent:
                place = SourceLocation(source, first_line + mark.line, mark.column + 1)
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
