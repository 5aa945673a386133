"""The template's own YAML, comments, quotes and layout kept, with tokens where the placeholders are.

Only what differs is written anew, in the place where it stood. The text is used only when kubectl's rules and
PyYAML, which disagree about some scalars (``on``, ``0o10``, ``12:30``, dates), find exactly the wanted tree.
"""

from __future__ import annotations

from typing import Any, Final

import yaml

from expander.base.errors import YamlError
from expander.base.regex import regex
from expander.base.yaml import load_documents
from expander.base.yaml.writer import dump, quoted, scalar

_CORE: Final = regex(
    r"[Tt]rue|TRUE|[Ff]alse|FALSE|[Nn]ull|NULL|~|"
    r"|[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+"
    r"|[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?"
)
"""Plain scalars that are no text in YAML 1.1 and 1.2, and say the same there."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def commented_text(source: str, wanted: Any, prefix: str) -> str | None:
    """``source`` changed as little as needed to say ``wanted``; None when that cannot be done exactly.

    Tokens in ``wanted`` begin with ``prefix``.
    """
    source = source.replace("\r\n", "\n").rstrip("\n") + "\n"
    try:
        loader = _Loader(source)
        node = loader.get_single_node()
        changes = _Changes(source, prefix)
        changes.match(node, loader.construct_document(node), wanted)
    except (_Unlike, ValueError, TypeError, ArithmeticError, LookupError, RecursionError, yaml.YAMLError):
        return None
    text = changes.applied()
    return text if says(text, wanted) else None


def says(text: str, wanted: Any) -> bool:
    """Whether ``text`` is one document that says ``wanted``, to kubectl and to PyYAML."""
    try:
        documents = list(load_documents(text, "<template>"))
        other = yaml.load(text, _Loader)
    except (YamlError, yaml.YAMLError, ValueError):
        return False
    return (
        text.endswith("\n")
        and len(documents) == 1
        and _same(documents[0].data, wanted)
        and _same(other, wanted)
    )


class _Unlike(Exception):
    """The wanted tree has another shape."""


class _Changes:
    """What is to be changed in ``source``, as texts by the place that they take."""

    def __init__(self, source: str, prefix: str) -> None:
        self._source = source
        self._prefix = prefix
        self._texts: dict[tuple[int, int], str] = {}

    def applied(self) -> str:
        """The changed text."""
        text = self._source
        for (start, end), new in sorted(self._texts.items(), reverse=True):
            text = text[:start] + new + text[end:]
        return text

    def match(self, node: Any, read: Any, wanted: Any) -> None:
        """Make ``node``, which PyYAML reads as ``read``, say ``wanted``."""
        if isinstance(read, dict) and isinstance(wanted, dict):
            self._match_fields(node, read, wanted)
        elif isinstance(read, list) and isinstance(wanted, list):
            if len(read) != len(wanted):
                raise _Unlike
            for each in zip(node.value, read, wanted, strict=True):
                self.match(*each)
        elif isinstance(read, (dict, list)):
            raise _Unlike
        elif not _same(read, wanted) or not _reads_alike(node, read):
            self._replace(node, wanted)

    def _match_fields(self, node: Any, read: dict[Any, Any], wanted: dict[str, Any]) -> None:
        nodes = {key.value: (key, value) for key, value in node.value}
        if not read.keys() <= wanted.keys() or nodes.keys() != read.keys():
            raise _Unlike
        new: dict[str, Any] = {}
        for name, value in wanted.items():
            if name not in read:
                new[name] = value
                continue
            key, present = nodes[name]
            if new:
                self._put_before(key.start_mark, new, node.flow_style)
                new = {}
            self.match(present, read[name], value)
        if new:
            self._append(node, new)

    def _put_before(self, place: Any, fields: dict[str, Any], flow: bool) -> None:
        """Put fields before the one at ``place``."""
        indent = " " * place.column
        lines = f"{_indented(fields, indent)}\n{indent}"
        self._insert(place.index, f"{_flow(fields)[1:-1]}, " if flow else lines[place.column :])

    def _append(self, node: Any, fields: dict[str, Any]) -> None:
        """Put fields behind all others."""
        if not node.value:
            self._insert(node.start_mark.index + 1, _flow(fields)[1:-1])
        elif node.flow_style:
            self._insert(node.value[-1][1].end_mark.index, f", {_flow(fields)[1:-1]}")
        else:
            indent = " " * node.value[0][0].start_mark.column
            self._insert(self._source.index("\n", self._end(node)), f"\n{_indented(fields, indent)}")

    def _insert(self, place: int, text: str) -> None:
        self._texts[place, place] = self._texts.get((place, place), "") + text

    def _end(self, node: Any) -> Any:
        """Where a node of a block ends, without the comments and blank lines below it."""
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            start = node.start_mark.index
            return start + len(self._source[start : node.end_mark.index].rstrip(" \n"))
        if isinstance(node, yaml.ScalarNode) or node.flow_style:
            return node.end_mark.index
        last = node.value[-1]
        if not isinstance(node, yaml.MappingNode):
            return self._end(last)
        return max(last[0].end_mark.index, self._end(last[1]))

    def _replace(self, node: Any, wanted: Any) -> None:
        """Write a scalar anew, in block style where it has it and is not one value as a whole."""
        start, end = node.start_mark.index, self._end(node)
        is_token = isinstance(wanted, str) and wanted.startswith(self._prefix) and wanted.isalnum()
        if isinstance(wanted, (dict, list)):
            text = _flow(wanted)
        elif is_token or not isinstance(wanted, str):
            text = scalar(wanted)
        else:
            text = quoted(wanted)
        if node.style in ("|", ">"):
            header, _, body = self._source[start:end].partition("\n")
            comment = header[header.find("#") :] if "#" in header else ""
            if isinstance(wanted, str) and not is_token:
                chomping = {0: "-", 1: ""}.get(len(wanted) - len(wanted.rstrip("\n")), "+")
                first = body.lstrip("\n")
                indent = first[: len(first) - len(first.lstrip(" "))]
                lines = [indent + line if line else "" for line in wanted.rstrip("\n").split("\n")]
                text = "\n".join([f"|{chomping}{f' {comment}' if comment else ''}", *lines])
            elif comment:
                text = f"{text}  {comment}"
        self._texts[start, end] = f" {text}" if start == end else text


def _reads_alike(node: Any, read: Any) -> bool:
    """Whether YAML 1.2, which knows no ``no`` and no ``010``, reads a scalar as PyYAML does."""
    return isinstance(read, str) or bool(node.style) or _CORE.fullmatch(node.value) is not None


def _indented(fields: dict[str, Any], indent: str) -> str:
    """Fields in block style, without a line end behind the last."""
    return "\n".join([indent + line if line else "" for line in dump(fields).splitlines()])


def _flow(value: Any) -> str:
    """A value in flow style."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key, flow=True)}: {_flow(part)}' for key, part in value.items())}}}"
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else scalar(value, flow=True)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)
