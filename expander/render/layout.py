"""The text of a compiled manifest with gaps, and how rows are put into the gaps.

The layouts of a compiled document: JSON, YAML, YAML without literal blocks, identity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from expander.base.errors import YamlError
from expander.base.yaml import dump, load_documents, quoted, scalar
from expander.render.comments import commented_text
from expander.render.placeholder import Hole, Style

Gap: TypeAlias = "int | Hole"


def json_text(value: Any) -> str:
    """JSON without spaces, characters outside ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def yaml_text(hole: Hole, value: Any) -> str:
    """A scalar as YAML in the hole's style where the value allows it."""
    if isinstance(value, str) and hole.style is not Style.PLAIN:
        return quoted(value)
    return scalar(value, hole.flow)


class Layout:
    """Constant parts and gaps in turn; a gap is a whole hole, or one slot inside a literal block.

    ``parts`` has one element more than ``gaps``; a gap is ``(hole number, segment number or None)``.
    ``encode`` writes the value of a whole hole; ``copied`` gives the quote mark of a hole whose slots are
    copied, and the function that escapes its constant pieces.
    """

    def __init__(
        self,
        text: str,
        token: re.Pattern[str],
        holes: Sequence[Hole],
        encode: Callable[[Hole, Any], str],
        copied: Callable[[Hole], tuple[str, Callable[[str], str]]],
    ) -> None:
        pieces = token.split(text)
        self.parts = pieces[0::3]
        self.gaps = [
            (int(number), None if segment is None else int(segment))
            for number, segment in zip(pieces[1::3], pieces[2::3], strict=True)
        ]
        self.holes = holes
        self.encode = encode
        self.copied = copied

    def fill(self, values: Mapping[str, Any], texts: Sequence[str]) -> str:
        """The text for one row: ``values`` of the holes by token, ``texts`` of the slots."""
        out = [self.parts[0]]
        for (number, segment), part in zip(self.gaps, self.parts[1:], strict=True):
            hole = self.holes[number]
            if segment is None:
                out.append(self.encode(hole, values[hole.token]))
            else:
                slot = hole.segments[segment]
                assert isinstance(slot, int)
                out.append(texts[slot])
            out.append(part)
        return "".join(out)

    def plan(self, computed: Collection[str]) -> Plan:
        """How to write many harmless rows; ``computed`` are the tokens of holes that are not copied."""
        constants = [self.parts[0]]
        gaps: list[Gap] = []
        for (number, segment), part in zip(self.gaps, self.parts[1:], strict=True):
            hole = self.holes[number]
            if segment is not None:
                slot = hole.segments[segment]
                assert isinstance(slot, int)
                gaps.append(slot)
                constants.append(part)
            elif hole.token in computed:
                gaps.append(hole)
                constants.append(part)
            else:
                quote, escape = self.copied(hole)
                constants[-1] += quote
                for piece in hole.segments:
                    if isinstance(piece, str):
                        constants[-1] += escape(piece)
                    else:
                        gaps.append(piece)
                        constants.append("")
                constants[-1] += quote + part
        return Plan(constants, gaps, self.encode)


class Plan:
    """Constant texts and gaps flattened, ready for many rows at once."""

    def __init__(self, constants: list[str], gaps: list[Gap], encode: Callable[[Hole, Any], str]) -> None:
        self.constants = constants
        self.gaps = gaps
        self.encode = encode
        self.format = "%s".join(constant.replace("%", "%%") for constant in constants)
        slots = {gap for gap in gaps if isinstance(gap, int)}
        only_slots = all(isinstance(gap, int) for gap in gaps)
        self.single = slots.pop() if len(slots) == 1 and only_slots else None

    def fill(
        self, columns: Sequence[Sequence[str]], values: Mapping[str, Sequence[Any]], rows: int
    ) -> list[str]:
        """The texts of ``rows`` rows: ``columns`` by slot, ``values`` of computed holes by token."""
        if self.single is not None:
            constants = self.constants
            return [text.join(constants) for text in columns[self.single]]
        if not self.gaps:
            return [self.constants[0]] * rows
        filled: list[Sequence[str]] = []
        for gap in self.gaps:
            if isinstance(gap, int):
                filled.append(columns[gap])
            else:
                encode = self.encode
                filled.append([encode(gap, value) for value in values[gap.token]])
        pattern = self.format
        return [pattern % row for row in zip(*filled, strict=True)]


def json_layout(text: str, token: re.Pattern[str], holes: Sequence[Hole]) -> Layout:
    """The layout of a manifest as one line of JSON."""
    return Layout(text, token, holes, _encode_json, _copied_json)


def yaml_layout(text: str, token: re.Pattern[str], holes: Sequence[Hole]) -> Layout:
    """The layout of a manifest as a YAML document."""
    return Layout(text, token, holes, yaml_text, _copied_yaml)


def raw_layout(text: str, token: re.Pattern[str], holes: Sequence[Hole]) -> Layout:
    """A layout whose values are written as bare text: the identity of a manifest."""
    return Layout(text, token, holes, lambda _, value: str(value), lambda _: ("", str))


def _encode_json(hole: Hole, value: Any) -> str:
    return json_text(value)


def _copied_json(hole: Hole) -> tuple[str, Callable[[str], str]]:
    return ("", str) if _is_number(hole) else ('"', lambda piece: json_text(piece)[1:-1])


def _copied_yaml(hole: Hole) -> tuple[str, Callable[[str], str]]:
    if hole.style is Style.PLAIN or _is_number(hole):
        return "", str
    return '"', lambda piece: quoted(piece)[1:-1]


def _is_number(hole: Hole) -> bool:
    return hole.rule is None and hole.type.name in ("INT32", "INT64")


_HOSTILE = "a: \"b' #c"  # data in a literal block, something else anywhere else


def make_layout(
    tree: dict[str, Any],
    holes: list[Hole],
    prefix: str,
    source_text: str | None,
    name: str,
) -> Layout:
    """The layout called ``name`` of ``tree``, whose holes are tokens that begin with ``prefix``.

    ``json`` is one line; ``yaml`` keeps literal blocks with the slots inside them, ``yaml flat`` writes a
    whole quoted scalar instead; ``identity`` is kind, namespace and name. With ``source_text`` the YAML
    layouts keep the comments of the template.
    """
    whole = f"{prefix}h([0-9]+)(?:s([0-9]+))?z"
    tokens = {hole.token: f"{prefix}h{number}z" for number, hole in enumerate(holes)}
    if name == "json":
        text = json_text(_retoken(tree, tokens))
        return json_layout(text, re.compile(f'"{whole}"'), holes)
    if name == "identity":
        metadata = tree.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        named = [tree["kind"], metadata.get("namespace") or "", metadata.get("name") or ""]
        text = "\n".join(tokens.get(part, str(part)) for part in named)
        return raw_layout(text, re.compile(whole), holes)
    literals = dict(tokens)
    if name == "yaml":
        for number, hole in enumerate(holes):
            if hole.style is Style.LITERAL:
                pieces = enumerate(hole.segments)
                literals[hole.token] = "".join(
                    p if isinstance(p, str) else f"{prefix}h{number}s{i}z" for i, p in pieces
                )
    wanted = _retoken(tree, literals)
    text = (None if source_text is None else commented_text(source_text, wanted, prefix)) or dump(wanted)
    text = re.sub(f"([\"'])({prefix}h[0-9]+z)\\1", r"\2", text)  # a value brings its own quotes
    if literals != tokens and not _in_blocks(text, wanted, f"{prefix}h[0-9]+s[0-9]+z"):
        return make_layout(tree, holes, prefix, source_text, "yaml flat")
    return yaml_layout(text, re.compile(whole), holes)


def _in_blocks(text: str, wanted: Any, slot: str) -> bool:
    """Whether every slot of the text stands in a literal block, where values are written as they are."""
    hostile = re.sub(slot, lambda _: _HOSTILE, text)
    expected = re.sub(slot, lambda _: json_text(_HOSTILE)[1:-1], json_text(wanted))
    try:
        documents = list(load_documents(hostile, "<template>"))
    except YamlError:
        return False
    return len(documents) == 1 and documents[0].data == json.loads(expected)


def _retoken(tree: Any, tokens: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {tokens.get(key, key): _retoken(value, tokens) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_retoken(value, tokens) for value in tree]
    return tokens.get(tree, tree) if isinstance(tree, str) else tree
