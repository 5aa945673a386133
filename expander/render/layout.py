"""The text of a compiled document with gaps (JSON, YAML, identity), and how rows are put into the gaps."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from expander.base.late_module import late_module
from expander.base.written_numbers import dumps
from expander.render.placeholder import Placeholder, Style

if TYPE_CHECKING:
    from expander.base.yaml import writer
    from expander.render import comments
else:  # for templates that keep their comments
    writer = late_module("expander.base.yaml.writer")
    comments = late_module("expander.render.comments")

Gap: TypeAlias = "int | Placeholder"
Encode: TypeAlias = Callable[[Placeholder, Sequence[Any]], list[str]]


_COMPACT: Final[dict[str, Any]] = {"ensure_ascii": False, "separators": (",", ":")}
_JSON = json.JSONEncoder(**_COMPACT)
_JSON_LINES = json.JSONEncoder(ensure_ascii=False, separators=("\n", ":"))
_SCALARS = frozenset((str, int, float, bool, type(None)))


def json_text(value: Any) -> str:
    """JSON without spaces, characters outside ASCII as they are."""
    if type(value) is str:
        return encode_basestring(value)
    return _JSON.encode(value) if type(value) in _SCALARS else dumps(value, **_COMPACT)


def json_texts(values: Sequence[Any]) -> list[str]:
    """`json_text` of each of these, at least one; scalars in one go, as JSON has no line ends in a text."""
    if _SCALARS.issuperset(map(type, values)):
        return _JSON_LINES.encode(values)[1:-1].split("\n")
    return list(map(json_text, values))


def yaml_texts(placeholder: Placeholder, values: Sequence[Any]) -> list[str]:
    """Scalars as YAML in the placeholder's style where the value allows it."""
    if placeholder.style is not Style.PLAIN and set(map(type, values)) == {str}:
        return writer.quoted_all(values)
    return [
        writer.quoted(value)
        if isinstance(value, str) and placeholder.style is not Style.PLAIN
        else writer.scalar(value, placeholder.flow)
        for value in values
    ]


class Layout:
    """Constant parts and gaps in turn; a gap is a whole placeholder, or one column inside a literal block.

    ``parts`` has one element more than ``gaps``; a gap is ``(placeholder number, segment number or None)``.
    ``encode`` writes values of a whole placeholder; ``copied`` gives the quote mark of a placeholder whose
    columns are copied (of a plain one, which it is told, if it needs quotes), and the function that escapes
    its constant pieces.
    """

    def __init__(
        self,
        text: str,
        token: re.Pattern[str],
        placeholders: Sequence[Placeholder],
        encode: Encode,
        copied: Callable[[Placeholder, bool], tuple[str, Callable[[str], str]]],
    ) -> None:
        pieces = token.split(text)
        self.parts = pieces[0::3]
        self.gaps = [
            (int(number), None if segment is None else int(segment))
            for number, segment in zip(pieces[1::3], pieces[2::3], strict=True)
        ]
        self.placeholders = placeholders
        self.encode = encode
        self.copied = copied

    def fill(self, values: Mapping[str, Any], texts: Sequence[str]) -> str:
        """The text for one row: ``values`` of the placeholders by token, ``texts`` of the columns."""
        out = [self.parts[0]]
        for (number, segment), part in zip(self.gaps, self.parts[1:], strict=True):
            placeholder = self.placeholders[number]
            if segment is None:
                out += self.encode(placeholder, [values[placeholder.token]])
            else:
                column = placeholder.segments[segment]
                assert isinstance(column, int)
                out.append(texts[column])
            out.append(part)
        return "".join(out)

    def plan(self, computed: Collection[str], quoted: Collection[str]) -> FlatLayout:
        """How to write many harmless rows.

        ``computed`` are tokens of placeholders that are not copied, ``quoted`` those of plain ones in quotes.
        """
        constants = [self.parts[0]]
        gaps: list[Gap] = []
        for (number, segment), part in zip(self.gaps, self.parts[1:], strict=True):
            placeholder = self.placeholders[number]
            if segment is not None:
                column = placeholder.segments[segment]
                assert isinstance(column, int)
                gaps.append(column)
                constants.append(part)
            elif placeholder.token in computed:
                gaps.append(placeholder)
                constants.append(part)
            else:
                quote, escape = self.copied(placeholder, placeholder.token in quoted)
                constants[-1] += quote
                for piece in placeholder.segments:
                    if isinstance(piece, str):
                        constants[-1] += escape(piece)
                    else:
                        gaps.append(piece)
                        constants.append("")
                constants[-1] += quote + part
        return FlatLayout(constants, gaps, self.encode)


class FlatLayout:
    """Constant texts and gaps flattened, ready for many rows at once."""

    def __init__(self, constants: list[str], gaps: list[Gap], encode: Encode) -> None:
        self.constants = constants
        self.gaps = gaps
        self.encode = encode
        self.format = "%s".join(constant.replace("%", "%%") for constant in constants)
        columns = {gap for gap in gaps if isinstance(gap, int)}
        only_columns = all(isinstance(gap, int) for gap in gaps)
        self.single = len(columns) == 1 and only_columns

    def filled(
        self, texts: Sequence[Sequence[str]], values: Mapping[str, Sequence[Any]]
    ) -> list[Sequence[str]]:
        """What goes into each gap, row by row: ``texts`` by column, ``values`` of placeholders by token."""
        return [
            texts[gap] if isinstance(gap, int) else self.encode(gap, values[gap.token]) for gap in self.gaps
        ]

    def fill(self, filled: Sequence[Sequence[str]], rows: int) -> list[str]:
        """The texts of ``rows`` rows, of what `filled` gave."""
        if self.single:
            constants = self.constants
            return [text.join(constants) for text in filled[0]]
        if not self.gaps:
            return [self.constants[0]] * rows
        pattern = self.format
        return [pattern % row for row in zip(*filled, strict=True)]

    def joined(self, filled: Sequence[Sequence[str]], rows: int, before: str, after: str) -> str:
        """The same as one text, each row's between ``before`` and ``after``."""
        first, *others = self.constants
        if not others:
            return f"{before}{first}{after}" * rows
        *inner, last = others
        row = [piece for constant in (*inner, f"{last}{after}{before}{first}") for piece in ("", constant)]
        pieces = row * rows
        for number, texts in enumerate(filled):
            pieces[2 * number :: len(row)] = texts
        pieces[-1] = last + after
        return "".join([before, first, *pieces])

    def most(self, filled: Sequence[Sequence[str]]) -> int:
        """Characters that no row's text exceeds."""
        columns = {id(texts): texts for texts in filled}
        longest = {column: max(map(len, texts)) for column, texts in columns.items()}
        return len(self.format) + sum(longest[id(texts)] for texts in filled)


def json_layout(text: str, token: re.Pattern[str], placeholders: Sequence[Placeholder]) -> Layout:
    """The layout of a manifest as one line of JSON."""
    return Layout(text, token, placeholders, lambda _, values: json_texts(values), _copied_json)


def yaml_layout(text: str, token: re.Pattern[str], placeholders: Sequence[Placeholder]) -> Layout:
    """The layout of a manifest as a YAML document."""
    return Layout(text, token, placeholders, yaml_texts, _copied_yaml)


def raw_layout(text: str, token: re.Pattern[str], placeholders: Sequence[Placeholder]) -> Layout:
    """A layout whose values are written as bare text: the identity of a manifest."""
    return Layout(text, token, placeholders, lambda _, values: list(map(str, values)), lambda *_: ("", str))


def _copied_json(placeholder: Placeholder, _: bool) -> tuple[str, Callable[[str], str]]:
    return ("", str) if _is_number(placeholder) else ('"', lambda piece: json_text(piece)[1:-1])


def _copied_yaml(placeholder: Placeholder, in_quotes: bool) -> tuple[str, Callable[[str], str]]:
    if (placeholder.style is Style.PLAIN and not in_quotes) or _is_number(placeholder):
        return "", str
    return '"', lambda piece: writer.quoted(piece)[1:-1]


def _is_number(placeholder: Placeholder) -> bool:
    return placeholder.rule is None and placeholder.type.name in ("INT32", "INT64")


def make_layout(
    tree: dict[str, Any],
    placeholders: list[Placeholder],
    prefix: str,
    source_text: str | None,
    name: str,
) -> Layout:
    """The layout called ``name`` of ``tree``, whose placeholders are tokens that begin with ``prefix``.

    ``json`` is one line; ``yaml`` keeps literal blocks with the columns inside them, ``yaml flat`` writes a
    whole quoted scalar instead; ``identity`` is kind, namespace and name. With ``source_text`` the YAML
    layouts keep the comments of the template.
    """
    whole = f"{prefix}h([0-9]+)(?:s([0-9]+))?z"
    tokens = {placeholder.token: f"{prefix}h{number}z" for number, placeholder in enumerate(placeholders)}
    if name == "json":
        text = json_text(_retoken(tree, tokens))
        return json_layout(text, re.compile(f'"{whole}"'), placeholders)
    if name == "identity":
        metadata = tree.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        named = [tree["kind"], metadata.get("namespace") or "", metadata.get("name") or ""]
        text = "\n".join(tokens.get(part, str(part)) for part in named)
        return raw_layout(text, re.compile(whole), placeholders)
    blocks = {
        placeholder.token: "".join(
            piece if isinstance(piece, str) else f"{prefix}h{number}s{segment}z"
            for segment, piece in enumerate(placeholder.segments)
        )
        for number, placeholder in enumerate(placeholders)
        if name == "yaml" and placeholder.style is Style.LITERAL
    }
    wanted = _retoken(tree, {**tokens, **blocks})
    commented = None if source_text is None else comments.commented_text(source_text, wanted, prefix)
    if commented is not None:
        layout = yaml_layout(commented, re.compile(whole), placeholders)
        if _holds_values(layout, wanted, prefix):
            return layout
    layout = yaml_layout(writer.dump(wanted), re.compile(whole), placeholders)
    if blocks and not _holds_values(layout, wanted, prefix):
        return make_layout(tree, placeholders, prefix, source_text, "yaml flat")
    return layout


_HOSTILE = "a: \"b' #{number}"
"""Data in a literal block and when it is quoted, something else anywhere else."""


def _holds_values(layout: Layout, wanted: Any, prefix: str) -> bool:
    """Whether every gap of a YAML layout is a place where a value is read back as it was put in."""
    values = {
        placeholder.token: _HOSTILE.replace("{number}", f"{number}\n")
        for number, placeholder in enumerate(layout.placeholders)
    }
    columns = {column for placeholder in layout.placeholders for column in placeholder.columns}
    texts = [_HOSTILE.replace("{number}", str(column)) for column in range(max(columns, default=-1) + 1)]
    expected: dict[str, str] = {}
    for number, placeholder in enumerate(layout.placeholders):
        expected[f"{prefix}h{number}z"] = values[placeholder.token]
        for segment, piece in enumerate(placeholder.segments):
            if isinstance(piece, int):
                expected[f"{prefix}h{number}s{segment}z"] = texts[piece]
    token = re.compile(f"{prefix}h[0-9]+(?:s[0-9]+)?z")
    return comments.says(layout.fill(values, texts), _filled(wanted, token, expected))


def _filled(tree: Any, token: re.Pattern[str], values: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {_filled(key, token, values): _filled(value, token, values) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_filled(value, token, values) for value in tree]
    return token.sub(lambda match: values[match[0]], tree) if isinstance(tree, str) else tree


def _retoken(tree: Any, tokens: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {tokens.get(key, key): _retoken(value, tokens) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_retoken(value, tokens) for value in tree]
    return tokens.get(tree, tree) if isinstance(tree, str) else tree
